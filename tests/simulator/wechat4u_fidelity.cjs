// The published client wechat4u (npm) against a running simulator:
//
//   node wechat4u_fidelity.cjs http://127.0.0.1:PORT [folder that holds node_modules]
//     [folder of media, and the names in it of a picture, a file and a GIF]
//
// Unmodified, but that every address of its configuration is taken on the given origin. Tells what it
// sees as JSON lines on stdout; sends one text after the second message; ends when it is logged out.
'use strict'

const path = require('path')
const { createHash } = require('crypto')
const { readFileSync } = require('fs')
const { createRequire } = require('module')

const [origin, folder, mediaFolder, ...media] = process.argv.slice(2)
const load = createRequire(path.join(path.resolve(folder || process.cwd()), 'here.js'))
const Wechat = load('wechat4u')

const emit = (what, data) => console.log(JSON.stringify({ what, ...data }))

const bot = new Wechat()
const request = bot.request
bot.request = options => {
  const { pathname, search } = new URL(options.url)
  return request({ ...options, url: options.url.startsWith(origin) ? options.url : origin + pathname + search })
}

let messages = 0

bot.on('uuid', uuid => emit('code', { uuid }))
bot.on('user-avatar', avatar => emit('avatar', { begins: avatar.slice(0, 20) }))
bot.on('login', () => emit('login', { user: bot.user.NickName }))
bot.on('contacts-updated', () => emit('contacts', { count: Object.keys(bot.contacts).length }))
bot.on('error', error => emit('error', { error: String(error.tips || error) }))
// What it fetches, and (at the text "go") what it sends besides texts.
const fetched = kind => ({ data }) => {
  const bytes = Buffer.from(data)
  emit('received', { kind, size: bytes.length, md5: createHash('md5').update(bytes).digest('hex') })
}
const fails = error => emit('error', { error: String(error.tips || error) })

const acts = async message => {
  const to = message.FromUserName
  const done = act => answer => emit('act', { act, ret: answer.BaseResponse.Ret })
  const [picture, file, sticker] = media.map(name => ({
    file: readFileSync(path.join(mediaFolder, name)), filename: name
  }))
  await bot.sendMsg(picture, to).then(done('image'))
  await bot.sendMsg(file, to).then(done('file'))
  await bot.sendMsg(sticker, to).then(done('sticker'))
  for (const each of received) await bot.forwardMsg(each, to).then(done('forward'))
  const oops = await bot.sendMsg('oops', to)
  await bot.revokeMsg(oops.MsgID, to).then(done('revoke'))
  await bot.updateRemarkName(to, '灰哥').then(done('remark'))
  await bot.opLog(to, 1, '灰哥').then(done('pin'))
  const members = ['小灰', 'momo'].map(name => ({
    UserName: Object.values(bot.contacts).find(contact => contact.OriginalNickName === name).UserName
  }))
  const group = await bot.createChatroom('wechat4u 的群', members)
  await bot.updateChatroom(group.ChatRoomName, [members[1].UserName], 'delmember').then(done('delete'))
  await bot.updateChatroom(group.ChatRoomName, [members[1].UserName], 'addmember').then(done('add'))
  await bot.updateChatRoomName(group.ChatRoomName, '新名字')
  emit('done', {})
}

const received = []

bot.on('message', message => {
  switch (message.MsgType) {
    case bot.CONF.MSGTYPE_IMAGE:
      received.push(message)
      return bot.getMsgImg(message.MsgId).then(fetched('image')).catch(fails)
    case bot.CONF.MSGTYPE_EMOTICON:
      received.push(message)
      return bot.getMsgImg(message.MsgId).then(fetched('sticker')).catch(fails)
    case bot.CONF.MSGTYPE_VOICE:
      return bot.getVoice(message.MsgId).then(fetched('voice')).catch(fails)
    case bot.CONF.MSGTYPE_VIDEO:
      received.push(message)
      return bot.getVideo(message.MsgId).then(fetched('video')).catch(fails)
    case bot.CONF.MSGTYPE_APP:
      received.push(message)
      return bot.getDoc(message.FromUserName, message.MediaId, message.FileName).then(fetched('file')).catch(fails)
    case bot.CONF.MSGTYPE_VERIFYMSG:
      return bot.verifyUser(message.RecommendInfo.UserName, message.RecommendInfo.Ticket)
        .then(answer => emit('accepted', { ret: answer.BaseResponse.Ret })).catch(fails)
  }
  if (message.MsgType !== bot.CONF.MSGTYPE_TEXT) return
  if (message.Content === 'go') return acts(message).catch(fails)
  const chat = bot.contacts[message.FromUserName]
  emit('message', { chat: chat && chat.NickName, text: message.Content })
  if (++messages === 2) {
    const friend = Object.values(bot.contacts).find(contact => contact.OriginalNickName === '小灰')
    bot.sendMsg('收到 <两条> & 谢谢😄', friend.UserName)
      .then(answer => emit('sent', { ret: answer.BaseResponse.Ret, msg_id: answer.MsgID }))
      .catch(error => emit('error', { error: String(error.tips || error) }))
  }
})
bot.on('logout', () => {
  emit('exit', {})
  process.exit(0)
})

bot.start()
