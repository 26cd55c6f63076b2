// The published client wechat4u (npm) against a running simulator:
//
//   node wechat4u_fidelity.cjs http://127.0.0.1:PORT [folder that holds node_modules]
//
// Unmodified, but that every address of its configuration is taken on the given origin. Tells what it
// sees as JSON lines on stdout; sends one text after the second message; ends when it is logged out.
'use strict'

const path = require('path')
const { createRequire } = require('module')

const [origin, folder] = process.argv.slice(2)
const load = createRequire(path.join(path.resolve(folder || process.cwd()), 'here.js'))
const Wechat = load('wechat4u')

const tell = (what, data) => console.log(JSON.stringify({ what, ...data }))

const bot = new Wechat()
const request = bot.request
bot.request = options => {
  const { pathname, search } = new URL(options.url)
  return request({ ...options, url: options.url.startsWith(origin) ? options.url : origin + pathname + search })
}

let messages = 0

bot.on('uuid', uuid => tell('code', { uuid }))
bot.on('user-avatar', avatar => tell('avatar', { begins: avatar.slice(0, 20) }))
bot.on('login', () => tell('login', { user: bot.user.NickName }))
bot.on('contacts-updated', () => tell('contacts', { count: Object.keys(bot.contacts).length }))
bot.on('error', error => tell('error', { error: String(error.tips || error) }))
bot.on('message', message => {
  if (message.MsgType !== bot.CONF.MSGTYPE_TEXT) return
  const chat = bot.contacts[message.FromUserName]
  tell('message', { chat: chat && chat.NickName, text: message.Content })
  if (++messages === 2) {
    const friend = Object.values(bot.contacts).find(contact => contact.OriginalNickName === '小灰')
    bot.sendMsg('收到 <两条> & 谢谢😄', friend.UserName)
      .then(answer => tell('sent', { ret: answer.BaseResponse.Ret, msg_id: answer.MsgID }))
      .catch(error => tell('error', { error: String(error.tips || error) }))
  }
})
bot.on('logout', () => {
  tell('exit', {})
  process.exit(0)
})

bot.start()
