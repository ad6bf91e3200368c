// The contrast of every visible text with what is behind it, as WCAG 2 computes it. Returns the texts below 4.5.
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((value, index) => value * top[3] + below[index] * (1 - top[3]));
  const background = (node) => {
    const layers = [];
    for (let one = node; one; one = one.parentElement) {
      layers.push(rgba(getComputedStyle(one).backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reduceRight((below, top) => over(top, below), [255, 255, 255]);
  };
  const luminance = (color) => color.map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const found = [];
  const seen = { count: 0, buttons: 0, headings: 0 };
  const check = (node, color, text) => {
    const behind = background(node);
    const [dark, light] = [luminance(over(rgba(color), behind)), luminance(behind)].sort((a, b) => a - b);
    const ratio = (light + 0.05) / (dark + 0.05);
    seen.count += 1;
    seen.buttons += node.tagName === "BUTTON";
    seen.headings += node.tagName === "TH";
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${node.tagName} ${text}`);
  };
  for (const node of document.querySelectorAll("body *")) {
    if (!node.checkVisibility()) continue;
    const texts = [...node.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE);
    const text = texts.map((one) => one.data.trim()).join("");
    if (text) check(node, getComputedStyle(node).color, text);
    const filled = node.value && ["INPUT", "SELECT", "TEXTAREA"].includes(node.tagName);
    if (filled) check(node, getComputedStyle(node).color, node.value);
    else if (node.placeholder) check(node, getComputedStyle(node, "::placeholder").color, node.placeholder);
  }
  return { found, seen };
}
