// A picture to send: a new evening over the hills each time.

const [WIDTH, HEIGHT] = [640, 420];
const SKIES = [["#23395d", "#f2a65a"], ["#0f4c75", "#f9d5a7"], ["#512b58", "#fe8a71"], ["#2a6f97", "#e9f5db"]];

/** Draw a JPEG. */
export async function landscape() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const draw = canvas.getContext("2d");
  const [above, below] = SKIES[Math.floor(Math.random() * SKIES.length)];
  const sky = draw.createLinearGradient(0, 0, 0, HEIGHT * 0.75);
  sky.addColorStop(0, above);
  sky.addColorStop(1, below);
  draw.fillStyle = sky;
  draw.fillRect(0, 0, WIDTH, HEIGHT);
  draw.fillStyle = "rgb(255 244 214 / 90%)";
  draw.beginPath();
  draw.arc(WIDTH * (0.25 + 0.5 * Math.random()), HEIGHT * 0.45, 42, 0, 2 * Math.PI);
  draw.fill();
  for (let row = 0; row < 4; row += 1) hills(draw, row, above);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
}

function hills(draw, row, colour) {
  const base = HEIGHT * (0.52 + row * 0.13);
  const [phase, length] = [Math.random() * 6, 90 + Math.random() * 90];
  draw.globalAlpha = 0.45 + row * 0.18;
  draw.fillStyle = colour;
  draw.beginPath();
  draw.moveTo(0, HEIGHT);
  for (let x = 0; x <= WIDTH; x += 8) {
    draw.lineTo(x, base - 26 * Math.sin(x / length + phase) - 12 * Math.sin(x / 37 + phase * 2));
  }
  draw.lineTo(WIDTH, HEIGHT);
  draw.fill();
  draw.globalAlpha = 1;
}
