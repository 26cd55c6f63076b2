// Messages that are sent with one click: a verb of the control API, and its parameters.

import { landscape } from "./drawing.js";
import { t } from "./words.js";

export const SAMPLES = {
  sample_image: { icon: "image", verb: "sends_image", make: async () => ({ blob: await landscape() }) },
  sample_file: { icon: "file", verb: "sends_file", make: () => ({ name: t("sample_name"), blob: new Blob([t("sample_document")]) }) },
  voice: { icon: "voice", verb: "sends_voice", make: () => ({ seconds: 2 + Math.ceil(Math.random() * 12) }) },
  video: { icon: "play", verb: "sends_video", make: () => ({ seconds: 5 }) },
  sticker: { icon: "smile", verb: "sends_sticker", make: () => ({}) },
  location: { icon: "place", verb: "sends_location", make: () => ({ place: t("sample_place") }) },
  link: {
    icon: "link", verb: "sends_link",
    make: () => ({ title: t("sample_link"), desc: t("sample_link_text"), url: "https://example.com/walks?id=12&from=wechat" }),
  },
  articles: {
    icon: "link", verb: "sends_articles",
    make: () => ({ articles: [
      { title: t("sample_link"), desc: t("sample_link_text"), url: "https://example.com/walks?id=12&from=wechat" },
      { title: t("sample_record"), url: "https://example.com/walks?id=13" },
    ] }),
  },
  announcement: { icon: "people", verb: "announces", make: () => ({ text: t("sample_line") }) },
  card: { icon: "person", verb: "sends_card", make: () => ({ person: t("sample_stranger") }) },
  mini_program: { icon: "grid", verb: "sends_mini_program", make: () => ({ title: t("sample_program"), app_name: t("sample_program_app") }) },
  transfer: { icon: "coin", verb: "transfers", make: () => ({ amount: 8.88, memo: t("sample_memo") }) },
  red_packet: { icon: "envelope", verb: "sends_red_packet", make: () => ({ words: t("sample_words") }) },
  chat_record: {
    icon: "chats", verb: "sends_chat_record",
    make: () => ({ title: t("sample_record"), lines: [t("sample_line"), t("sample_line_2")] }),
  },
  live_location: { icon: "place", verb: "shares_live_location", make: () => ({}) },
  call: { icon: "call", verb: "calls", make: () => ({}) },
  shop_sticker: { icon: "smile", verb: "sends_shop_sticker", make: () => ({}) },
};
