// Tencent's own client, @tencent-weixin/openclaw-weixin (npm), unmodified: run as
//
//   node run_openclaw.mjs URL FOLDER PACKAGE
//
// PACKAGE is its folder. It is a plugin: the few functions of its host, openclaw, that it calls here are below. Its
// addresses are constants, so every request to them is made at the given origin.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { register } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [origin, folder, home] = process.argv.slice(2)
const ANSWER = '收到 <两条> & 谢谢😄'
process.env.HOME = process.env.OPENCLAW_STATE_DIR = folder

const emit = (what, data) => process.stdout.write('\n' + JSON.stringify({ what, ...data }) + '\n')

const host = `
  export const resolvePreferredOpenClawTmpDir = () => ${JSON.stringify(folder)}
  export const normalizeAccountId = id => id.trim().toLowerCase()
  export const withFileLock = async (file, options, work) => await work()
  export const getGlobalHookRunner = () => undefined
  export const fireAndForgetHook = () => {}
  export const buildCanonicalSentMessageHookContext = () => ({})
  export const toPluginMessageContext = () => ({})
  export const toPluginMessageSentEvent = () => ({})
`
const hooks = `
  const host = 'data:text/javascript,' + encodeURIComponent(${JSON.stringify(host)})
  export const resolve = (name, context, next) =>
    name.startsWith('openclaw/') ? { url: host, shortCircuit: true } : next(name, context)
`
register('data:text/javascript,' + encodeURIComponent(hooks))

const fetchThere = globalThis.fetch
globalThis.fetch = (url, options) => {
  const { pathname, search } = new URL(url)
  return fetchThere(origin + pathname + search, options)
}

const load = name => import(pathToFileURL(path.join(home, 'dist', 'src', name)).href)
const { startWeixinLoginWithQr, waitForWeixinLogin } = await load('auth/login-qr.js')
const { getConfig, getUpdates, notifyStart, notifyStop, sendTyping } = await load('api/api.js')
const { downloadMediaFromItem } = await load('media/media-download.js')
const { sendWeixinMediaFile } = await load('messaging/send-media.js')
const { sendMessageWeixin } = await load('messaging/send.js')

const started = await startWeixinLoginWithQr({ apiBaseUrl: origin })
emit('code', { link: started.qrcodeUrl })
const login = await waitForWeixinLogin({ sessionKey: started.sessionKey, apiBaseUrl: origin })
emit('login', { user: login.userId, connected: login.connected })

const opts = { baseUrl: login.baseUrl, token: login.botToken }
const cdnBaseUrl = `${origin}/c2c`
await notifyStart(opts)

const saved = async (bytes, mime, subdir, limit, name) => {
  const file = path.join(folder, 'media', name ?? `received.${mime === 'video/mp4' ? 'mp4' : 'jpg'}`)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, bytes)
  return { path: file }
}
const fails = error => emit('error', { error: String(error) })

const answer = async ({ from_user_id: to, context_token: contextToken, item_list: [item] }) => {
  if (item.text_item) {
    emit('message', { text: item.text_item.text })
    const { typing_ticket } = await getConfig({ ...opts, ilinkUserId: to, contextToken })
    await sendTyping({ ...opts, body: { ilink_user_id: to, typing_ticket, status: 1 } })
    await sendMessageWeixin({ to, text: ANSWER, opts: { ...opts, contextToken } })
    return
  }
  const found = await downloadMediaFromItem(item, { cdnBaseUrl, saveMedia: saved, log() {}, errLog: fails, label: 'test' })
  const filePath = found.decryptedPicPath ?? found.decryptedVideoPath ?? found.decryptedFilePath
  const bytes = readFileSync(filePath)
  const kind = found.decryptedPicPath ? 'image' : found.decryptedVideoPath ? 'video' : 'file'
  const md5 = createHash('md5').update(bytes).digest('hex')
  emit('medium', { kind, size: bytes.length, md5, name: item.file_item?.file_name ?? '' })
  await sendWeixinMediaFile({ filePath, to, text: '', opts: { ...opts, contextToken }, cdnBaseUrl })
}

let cursor = ''
for (let ended = false; !ended;) {
  const told = await getUpdates({ ...opts, get_updates_buf: cursor })
  cursor = told.get_updates_buf || cursor
  for (const message of told.msgs ?? []) {
    ended = message.item_list[0].text_item?.text === 'bye'
    if (!ended) await answer(message).catch(fails)
  }
}
await notifyStop(opts)
