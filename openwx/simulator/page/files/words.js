// The texts of the page, in English and Chinese. `{0}` is the first argument.

const CHINESE = navigator.languages.find((one) => /^(en|zh)/i.test(one))?.toLowerCase().startsWith("zh");

export const language = CHINESE ? "zh-CN" : "en";

const WORDS = {
  title: ["Phone · openwx simulator", "手机 · openwx 模拟器"],
  chats: ["Chats", "聊天"],
  friends: ["Friends", "朋友"],
  me: ["Me", "我"],
  lab: ["Lab", "实验台"],
  back: ["Back", "返回"],
  search: ["Search", "搜索"],
  add: ["Add", "添加"],
  close: ["Close", "关闭"],
  cancel: ["Cancel", "取消"],
  ok: ["OK", "确定"],
  save: ["Save", "保存"],
  name: ["Name", "名字"],
  nothing_found: ["Nothing found.", "没有找到。"],
  connection_lost: ["The simulator does not answer; trying again …", "模拟器没有应答，正在重试……"],
  unread: ["{0} unread", "{0} 条未读"],
  pinned: ["pinned", "已置顶"],

  web_is_in: ["The web client is logged in", "网页微信已登录"],
  web_is_out: ["No web client is logged in", "网页微信未登录"],
  code_waits: ["A login QR code waits to be scanned", "有登录二维码等待扫描"],
  log_out: ["Log out", "退出网页微信"],
  scan: ["Scan", "扫一扫"],
  scan_this: ["Scan this code", "扫描这个二维码"],
  code_alt: ["Login QR code {0}", "登录二维码 {0}"],
  by_itself: ["If nobody does it, the phone scans and confirms by itself after a while.",
    "如果没有人操作，手机过一会儿会自动扫码并确认。"],
  no_code: ["No login QR code is shown. Start openwx with this simulator as its base_url, and it appears here.",
    "现在没有登录二维码。让 openwx 以本模拟器为 base_url 启动，二维码就会出现在这里。"],
  prompt_title: ["Log in to WeChat on the web?", "登录网页微信？"],
  prompt_text: ["A web client wants to use the account “{0}”.", "网页客户端请求登录账号“{0}”。"],
  confirm: ["Log in", "登录"],

  bot_is_in: ["An iLink bot is bound: its chat is 微信 ClawBot", "已绑定 iLink 机器人：聊天“微信 ClawBot”"],
  bot_bound: ["bot bound", "已绑定机器人"],
  scan_bot: ["Scan this code (ClawBot)", "扫描这个二维码（ClawBot）"],
  bot_prompt_title: ["Connect 微信 ClawBot?", "连接“微信 ClawBot”？"],
  bot_prompt_text: ["A program wants to be the bot of “{0}”. A bot that is bound elsewhere ends.",
    "有程序请求成为“{0}”的机器人。绑定在别处的机器人会失效。"],
  bot_digits: ["Enter these digits where the code was shown.", "请在显示二维码的地方输入这些数字。"],
  bot_too_old: ["This program is too old: it has to be updated first.", "该程序版本过低，请先升级。"],
  bot_confirm: ["Connect", "连接"],
  bot_took: ["The bot has it", "机器人已收到"],
  bot_waits: ["Waits for the bot", "等待机器人"],
  bot_is_gone: ["This bot is no longer bound. Scan a new code to have one again.", "这个机器人已失效，重新扫码才能继续。"],
  bot_goes_stale: ["End the bot (-14)", "让机器人失效（-14）"],
  bot_window_closes: ["Close the bot's 24 hours", "结束机器人的 24 小时"],
  unreadable: ["Cannot be opened: its key does not fit", "无法打开：密钥不对"],
  bot_sends_left: ["The bot may send {0} more messages until you write again.", "在你再次发言之前，机器人还能发 {0} 条消息。"],
  typing: ["typing …", "对方正在输入……"],

  write_as: ["Write as", "以谁的身份"],
  on_my_phone: ["{0} (me, on the phone)", "{0}（我，用手机）"],
  message: ["Message", "消息"],
  message_of: ["Message of {0}", "{0} 的消息"],
  send: ["Send", "发送"],
  more: ["More to send", "更多"],
  earlier: ["Earlier messages", "更早的消息"],
  info: ["About this chat", "聊天信息"],
  no_messages: ["No messages yet. Write one: the web client gets it at once.", "还没有消息。写一条，网页客户端会马上收到。"],
  no_messages_of_bot: ["No messages yet. Write first: a bot can only answer.", "还没有消息。请先发言：机器人只能回答。"],
  no_writer: ["Nobody writes here: it is where requests of strangers arrive.", "这里没有人写消息：陌生人的好友请求会出现在这里。"],
  via_web: ["by the web client", "由网页客户端发送"],
  taken: ["The web client has it", "网页客户端已收到"],
  not_taken: ["Waits for the web client", "等待网页客户端"],
  bounced: ["Not delivered: no longer friends", "未送达：已不是好友"],
  recall: ["Recall", "撤回"],
  quote: ["Quote", "引用"],
  stop_quoting: ["Do not quote", "不引用"],
  recalled: ["“{0}” recalled a message", "“{0}”撤回了一条消息"],
  recalled_me: ["You recalled a message", "你撤回了一条消息"],
  too_big: ["{0} is too big: at most 45 MB.", "{0} 太大：最多 45 MB。"],
  seconds: ["{0}″", "{0}″"],

  image: ["Picture", "图片"], sample_image: ["Sample picture", "示例图片"], voice: ["Voice", "语音"],
  video: ["Video", "视频"], file: ["File", "文件"], sample_file: ["Sample file", "示例文件"],
  sticker: ["Sticker", "表情"], location: ["Location", "位置"], link: ["Link", "链接"],
  card: ["Card", "名片"], mini_program: ["Mini program", "小程序"], transfer: ["Transfer", "转账"],
  red_packet: ["Red packet", "红包"], chat_record: ["Chat record", "聊天记录"], call: ["Call", "通话"],
  live_location: ["Live location", "位置共享"], friend_request: ["Friend request", "好友请求"],
  notice: ["Notice", "通知"], other: ["Message", "消息"], text: ["Text", "文字"],
  shop_sticker: ["Shop sticker", "商店表情"], articles: ["Articles", "图文推送"],
  announcement: ["Announcement", "群公告"],
  only_on_phone: ["To be seen on the phone alone", "只能在手机上查看"],
  sample_place: ["Tencent Building, Shenzhen", "深圳市南山区腾讯大厦"],
  sample_link: ["A walk along the river", "沿着河边走一走"],
  sample_link_text: ["Twelve kilometres, three bridges, one tea house", "十二公里，三座桥，一家茶馆"],
  sample_program: ["Order a cup of tea", "来一杯茶"], sample_program_app: ["Tea house", "茶馆"],
  sample_memo: ["lunch", "午饭"], sample_words: ["Good luck!", "恭喜发财，大吉大利"],
  sample_record: ["Chat history", "群聊的聊天记录"],
  sample_line: ["See you at seven", "七点见"], sample_line_2: ["Fine, the usual place", "好的，老地方"],
  sample_document: ["This is a sample file of the openwx simulator.", "这是 openwx 模拟器的示例文件。"],
  sample_name: ["sample.txt", "示例.txt"],

  members: ["{0} members", "{0} 位成员"],
  rename_group: ["Rename the group", "修改群名"],
  invite: ["Add a member", "添加成员"],
  invite_whom: ["A friend, or the name of a stranger", "好友，或者陌生人的名字"],
  remove: ["Remove {0}", "移出 {0}"],
  leave_group: ["Leave the group", "退出群聊"],
  invited: ["Invited by the web client", "网页客户端邀请的人"],
  joins: ["Joins", "加入"],
  rename_friend: ["{0} takes another name", "{0} 改昵称"],
  remark: ["Give a remark name", "设置备注"],
  changes_avatar: ["{0} changes the picture", "{0} 换头像"],
  unfriends_me: ["{0} drops me as a friend", "{0} 删除我"],
  dropped_me: ["This friend has dropped the account: what is sent bounces.", "对方已删除本账号：发送的消息会被拒收。"],
  delete_friend: ["Delete this friend", "删除好友"],
  show_all: ["Show all", "显示全部"],

  new_friend: ["New friend", "新好友"],
  new_group: ["New group", "新群聊"],
  stranger_asks: ["A stranger asks to be friends", "陌生人请求加好友"],
  their_words: ["Their words", "验证消息"],
  sample_stranger: ["Li Lei", "李雷"], sample_hello: ["Hi, we met at the fair!", "你好，我们在展会上见过！"],
  group_members: ["Members, one a line: friends or names of strangers", "成员，每行一个：好友或陌生人的名字"],
  sample_group: ["Weekend hike", "周末爬山"],
  they_asked: ["Asked to be friends", "请求加我为好友的人"],
  we_asked: ["Asked by the web client", "网页客户端请求加的人"],
  accept: ["Accept on the phone", "在手机上接受"],
  accepted: ["Accepted", "已接受"],
  says_yes: ["Says yes", "对方同意"],
  none_yet: ["Nobody yet.", "还没有人。"],
  rename_me: ["Change my name", "修改我的昵称"],
  accounts: ["Accounts", "账号"],
  add_account: ["Add an account", "添加账号"],
  how_many_friends: ["Friends", "好友数"], how_many_groups: ["Groups", "群数"],
  logged_in: ["web client logged in", "网页已登录"], logged_out: ["no web client", "网页未登录"],

  session: ["Web client", "网页客户端"],
  end_session: ["Log it out (1100)", "让它退出（1100）"],
  log_in_elsewhere: ["Ends with: logged in elsewhere (1101)", "因在别处登录而结束（1101）"],
  expire_codes: ["Let QR codes expire", "让二维码过期"],
  refuse: ["Refuse logins (1203)", "拒绝登录（1203）"], allow: ["Allow logins again", "重新允许登录"],
  faults: ["Faults", "故障"],
  which_call: ["Call (* for all)", "调用（* 表示全部）"], which_fault: ["What goes wrong", "怎么出错"],
  times: ["Times (empty: always)", "次数（空：一直）"], ret_code: ["ret", "ret"],
  inject: ["Inject", "注入"], clear_all: ["Clear all", "全部清除"], no_faults: ["Nothing goes wrong.", "一切正常。"],
  rule: ["{0}: {1}, {2}, struck {3}×", "{0}：{1}，{2}，已发生 {3} 次"],
  always: ["always", "一直"], so_often: ["{0}× more", "还剩 {0} 次"],
  drop: ["connection closed before it takes effect", "生效前断开"], lose_answer: ["takes effect, answer lost", "生效但应答丢失"],
  server_error: ["HTTP 502", "HTTP 502"], hang: ["hangs", "挂起"], garbage: ["HTML instead of JSON", "用 HTML 代替 JSON"],
  partial: ["half of what was asked for (206)", "只给一半（206）"],
  truncate: ["answer cut in half", "应答只有一半"], empty: ["empty answer", "空应答"], ret: ["refused with a ret", "以 ret 拒绝"],
  calls: ["Latest calls", "最近的调用"], no_calls: ["No client has called yet.", "还没有客户端调用。"],
  when: ["Time", "时间"], what: ["Call", "调用"], how: ["Fault", "故障"],
};

export function t(key, ...args) {
  const words = WORDS[key][CHINESE ? 1 : 0];
  return words.replace(/\{(\d)\}/g, (_, number) => args[number]);
}

const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(language, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

/** Format seconds since 1970: the time today, else with the day. */
export function moment(seconds) {
  const then = new Date(seconds * 1000);
  const today = new Date().toDateString() === then.toDateString();
  return today ? clock.format(then) : `${day.format(then)} ${clock.format(then)}`;
}

export const second = (seconds) => exact.format(new Date(seconds * 1000));

export function bytes(size) {
  const [amount, unit] = size < 1000 ? [size, "byte"] : size < 1e6 ? [size / 1000, "kilobyte"] : [size / 1e6, "megabyte"];
  return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: 1, unitDisplay: "narrow" }).format(amount);
}
