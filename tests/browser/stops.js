// What Tab has to reach, in the order of the document: each as it is told to a person.
const told = (one) => {
  const label = one.labels?.[0]?.textContent || one.getAttribute("aria-label");
  const text = label || one.textContent || one.getAttribute("name") || "";
  return `${one.tagName.toLowerCase()} ${text.trim().replace(/\s+/g, " ").slice(0, 60)}`;
};
if (arguments[0] === "focused") {
  return document.activeElement === document.body ? null : told(document.activeElement);
}
const selector = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
const radios = new Set();
return [...document.querySelectorAll(selector)]
  .filter((one) => one.tabIndex >= 0 && !one.disabled)
  .filter((one) => one.checkVisibility({visibilityProperty: true}))
  .filter((one) => {  // of radio buttons of one name one is a stop
    if (one.type !== "radio") return true;
    const chosen = document.querySelector(`input[type=radio][name="${one.name}"]:checked`);
    const isStop = chosen ? chosen === one : !radios.has(one.name);
    radios.add(one.name);
    return isStop;
  })
  .map(told);
