// Text of the page whose contrast is under that of WCAG 2.2, 1.4.3 (level AA).
const pixel = Object.assign(document.createElement("canvas"), {width: 1, height: 1})
  .getContext("2d", {willReadFrequently: true});

// whatever notation a colour has, as [red, green, blue, alpha], 0 to 255 and 0 to 1
function parsed(colour) {
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}

function over([red, green, blue, alpha], below) {
  return [red, green, blue].map((one, at) => alpha * one + (1 - alpha) * below[at]);
}

function background(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    layers.push(parsed(getComputedStyle(at).backgroundColor));
    if (layers.at(-1)[3] === 1) break;
  }
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
}

function luminance(colour) {
  const [red, green, blue] = colour
    .map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function wanted(style) {
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  return isLarge ? 3 : 4.5;
}

function hasText(element) {
  return [...element.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
}

return [...document.body.querySelectorAll("*")]
  .filter((one) => hasText(one) && one.checkVisibility({visibilityProperty: true, opacityProperty: true}))
  .filter((one) => !one.closest("[disabled], [aria-disabled=true], script, noscript"))
  .map((one) => {
    const style = getComputedStyle(one), below = background(one);
    const isDrawn = one instanceof SVGElement;
    const above = over(parsed(isDrawn ? style.fill : style.color), below);
    const [dark, light] = [luminance(above), luminance(below)].sort((a, b) => a - b);
    const ratio = (light + 0.05) / (dark + 0.05);
    return {element: one.tagName.toLowerCase(), text: one.textContent.trim().slice(0, 40), ratio, wanted: wanted(style)};
  })
  .filter((one) => one.ratio < one.wanted)
  .map((one) => `${one.element} "${one.text}": ${one.ratio.toFixed(2)}, wanted ${one.wanted}`);
