// Renders a template as Uptime Kuma does for a webhook with a custom body: LiquidJS, and the variables of its form.
// Arguments: the folder of liquidjs, the template, and the variables as JSON.
const { Liquid } = require(process.argv[2]);

const engine = new Liquid({ root: "./no-such-directory", relativeReference: false, dynamicPartials: false });
engine.parseAndRender(process.argv[3], JSON.parse(process.argv[4])).then((text) => process.stdout.write(text));
