// Sends a notification with Uptime Kuma's own code for webhooks, and prints what Uptime Kuma would show.
// Arguments: the folder of uptime-kuma, the notification (the fields of its form) as JSON, and the message.
const { join } = require("node:path");

const [folder, notification, msg] = process.argv.slice(2);
const Webhook = require(join(folder, "server", "notification-providers", "webhook.js"));
const monitor = { name: '网站 "A"' };
new Webhook().send(JSON.parse(notification), msg, monitor, { msg }).then(
    (shown) => process.stdout.write(shown),
    (error) => {
        process.stdout.write(error.message);
        process.exitCode = 1;
    },
);
