// What the pages do beyond being read: a theme, the reader's own host and token in the samples, tabs, copying,
// search, and trying an operation. Nothing here writes HTML: texts go in as texts.

const TOKEN_KEY = "hydrobit-token";
const LANGUAGE_KEY = "hydrobit-language";
const THEME_KEY = "hydrobit-theme";
const SPACE_KEY = "hydrobit-mock-space";
const FOUND_MAX = 12;
const COPIED_MS = 1600;
const TOKEN_PLACE = "<YOUR_JWT_HERE>";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const make = (name, attributes = {}, ...inside) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
};

// A browser may refuse to keep anything; then it is forgotten with the page.
const kept = (storage) => ({
  get: (key) => { try { return window[storage].getItem(key) ?? ""; } catch { return ""; } },
  set: (key, value) => { try { window[storage].setItem(key, value); } catch { /* forgotten with the page */ } },
});
const always = kept("localStorage");
const thisTab = kept("sessionStorage");

// Light and dark.

function startTheme() {
  const button = document.getElementById("theme");
  const isDark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const tell = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    always.set(THEME_KEY, document.documentElement.dataset.theme);
    tell();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
  button.querySelector("span").textContent = "Dark";
  tell();
}

// The reader's own host and token.

function startPlaces() {
  const field = document.getElementById("token");
  const box = document.querySelector(".you");
  const fill = () => {
    const token = field.value.trim();
    for (const place of all("var.host")) place.textContent = location.origin;
    for (const place of all("var.token")) place.textContent = token || TOKEN_PLACE;
    box.classList.toggle("known", token !== "");
  };
  field.value = thisTab.get(TOKEN_KEY);
  field.addEventListener("input", () => { thisTab.set(TOKEN_KEY, field.value.trim()); fill(); });
  document.addEventListener("click", (event) => { if (!box.contains(event.target)) box.open = false; });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { box.open = false; box.querySelector("summary").focus(); }
  });
  fill();
}

// Tabs, by the pattern of ARIA: one stop for Tab, arrows between them.

function startTabs(box) {
  const panels = all(":scope > section", box);
  const list = make("div", { role: "tablist", "aria-label": box.dataset.label });
  const tabs = panels.map((panel) => {
    const tab = make(
      "button",
      { role: "tab", type: "button", id: `tab-${panel.id}`, "aria-controls": panel.id },
      panel.querySelector("h3").textContent,
    );
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    list.append(tab);
    return tab;
  });
  const choose = (at) => {
    panels.forEach((panel, place) => {
      panel.hidden = place !== at;
      tabs[place].setAttribute("aria-selected", String(place === at));
      tabs[place].tabIndex = place === at ? 0 : -1;
    });
  };
  const take = (at) => {
    choose(at);
    always.set(LANGUAGE_KEY, panels[at].dataset.language);
  };
  tabs.forEach((tab, at) => tab.addEventListener("click", () => take(at)));
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const last = tabs.length - 1;
    const to = {
      ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    take(to);
    tabs[to].focus();
  });
  box.prepend(list);
  box.classList.add("ready");
  const wanted = always.get(LANGUAGE_KEY);
  choose(Math.max(0, panels.findIndex((panel) => panel.dataset.language === wanted)));
}

// Copying.

function addCopy(box) {
  const button = make("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    await copyText(box.querySelector("code").textContent);
    button.textContent = "Copied";
    button.classList.add("done");
    setTimeout(() => { button.textContent = "Copy"; button.classList.remove("done"); }, COPIED_MS);
  });
  button.setAttribute("aria-live", "polite");
  box.append(button);
}

async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = make("textarea", { class: "hidden", readonly: "" }, text); // plain HTTP from afar has no clipboard
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  return undefined;
}

// Search.

const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();

// How well an entry answers: the title at its beginning, at a word's, within; then what stands beside it. A field counts half,
// for what many operations have would hide the operation itself; an operation is found by its published name's beginning too.
function score([kind, title, beside], words) {
  const name = plain(title);
  const rest = plain(beside);
  let sum = 0;
  for (const word of words) {
    if (name === word) sum += 100;
    else if (name.startsWith(word)) sum += 60;
    else if (name.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(word))) sum += 40;
    else if (kind === "operation" && rest.startsWith(word)) sum += 40;
    else if (name.includes(word)) sum += 25;
    else if (rest.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(word))) sum += 14;
    else if (rest.includes(word)) sum += 8;
    else if (word.length > 7 && `${name} ${rest}`.includes(word.slice(0, -2))) sum += 4; // idempotent, idempotency
    else return 0;
  }
  return kind === "field" ? sum / 2 : sum + { operation: 12, code: 10, page: 4 }[kind];
}

function startSearch() {
  const field = document.getElementById("search");
  const list = document.getElementById("found");
  const count = document.getElementById("found-count");
  let entries = null;
  let shown = [];
  let at = -1;

  const load = () => {
    entries ??= fetch(field.dataset.index).then((answer) => answer.json()).catch(() => { entries = null; return []; });
    return entries;
  };
  const close = () => {
    list.hidden = true;
    count.className = "hidden";
    at = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const point = (to) => {
    at = to;
    [...list.children].forEach((line, place) => line.setAttribute("aria-selected", String(place === at)));
    if (at < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", list.children[at].id);
    return list.children[at].scrollIntoView({ block: "nearest" });
  };
  const go = (place) => { if (shown[place]) { const [, , , where] = shown[place]; close(); location.assign(where); } };
  const look = async () => {
    const asked = field.value;
    const words = plain(asked).split(/\s+/).filter(Boolean);
    if (words.length === 0) return close();
    const found = (await load())
      .map((entry) => [score(entry, words), entry])
      .filter(([points]) => points > 0);
    if (field.value !== asked) return undefined;
    found.sort(([one], [other]) => other - one);
    shown = found.slice(0, FOUND_MAX).map(([, entry]) => entry);
    list.replaceChildren(...shown.map(([kind, title, beside], place) => {
      const line = make(
        "li",
        { role: "option", id: `found-${place}`, "aria-selected": "false" },
        make("span", {}, kind), make("b", {}, title), make("small", {}, beside),
      );
      line.addEventListener("pointerdown", (event) => { event.preventDefault(); go(place); });
      return line;
    }));
    list.hidden = shown.length === 0;
    field.setAttribute("aria-expanded", String(shown.length > 0));
    count.className = shown.length ? "hidden" : "nothing";
    count.textContent = shown.length ? `${found.length} found` : "Nothing found";
    return point(shown.length ? 0 : -1);
  };

  field.addEventListener("focus", () => { load(); if (field.value) look(); });
  field.addEventListener("input", look);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) { look(); return; }
      const step = event.key === "ArrowDown" ? 1 : -1;
      point((at + step + shown.length) % shown.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!list.hidden) go(at);
    } else if (event.key === "Escape") {
      event.preventDefault(); // else a field of this type is emptied at once
      if (list.hidden) { field.value = ""; field.blur(); }
      close();
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    const wanted = (event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey));
    if (!wanted) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
}

// Trying an operation.

function mockSpace() {
  let space = thisTab.get(SPACE_KEY);
  if (!space) {
    space = `site-${Array.from(crypto.getRandomValues(new Uint32Array(3)), (word) => word.toString(36)).join("")}`;
    thisTab.set(SPACE_KEY, space);
  }
  return space;
}

function startTrying(form) {
  const box = form.parentElement.querySelector(".came");
  const { method, path, mock, writes } = form.dataset;
  const isLive = () => form.elements.where.value === "live";
  const sure = form.elements.sure;
  const arrange = () => {
    sure.closest("label").hidden = !(isLive() && writes);
    for (const part of all(".dial, .fresh", form)) part.hidden = isLive();
  };
  form.addEventListener("change", arrange);
  form.elements.example?.addEventListener("change", () => {
    form.elements.body.value = JSON.stringify(JSON.parse(form.elements.example.value), null, 2);
  });
  form.querySelector(".fresh")?.addEventListener("click", () => {
    thisTab.set(SPACE_KEY, "");
    mockSpace();
    tell(box, "The next call begins in a fresh mock.");
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const token = document.getElementById("token").value.trim();
    if (isLive() && !token) return tell(box, "This server wants a token: write it under “Your token” at the top.");
    if (isLive() && writes && !sure.checked) return tell(box, "Nothing was sent. Tick that real data may change, or use the mock.");
    const { address, options } = call(form, method, path, isLive() ? "" : mock, token);
    const button = form.querySelector(".send");
    button.disabled = true;
    try {
      return await send(box, address, options);
    } finally {
      button.disabled = false;
    }
  });
  arrange();
}

function call(form, method, path, mock, token) {
  const query = new URLSearchParams();
  let way = path;
  for (const input of all("input[type=text]", form)) {
    const [place, name] = input.name.split(":");
    if (place === "path") way = way.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.set(name, input.value);
  }
  const headers = { accept: "application/json", authorization: `Bearer ${mock ? "try-it" : token}` };
  if (mock) {
    headers["x-mock-space"] = mockSpace();
    if (form.elements.fault.value) headers["x-mock-fault"] = form.elements.fault.value;
    if (form.elements.prefer.value) headers.prefer = form.elements.prefer.value;
  }
  const body = form.elements.body?.value;
  if (body) headers["content-type"] = "application/json";
  const asked = query.size ? `?${query}` : "";
  return { address: mock + way + asked, options: { method, headers, body: body || undefined, cache: "no-store" } };
}

function tell(box, ...inside) {
  box.classList.add("there");
  box.querySelector(".outcome").replaceChildren(...inside);
  for (const old of all(":scope > :not(.outcome)", box)) old.remove();
}

async function send(box, address, options) {
  tell(box, "Sending…");
  const began = performance.now();
  let answer;
  let text;
  try {
    answer = await fetch(address, options);
    text = await answer.text();
  } catch {
    const ms = Math.round(performance.now() - began);
    const status = make("span", { class: "status bad" }, "no answer");
    tell(box, status, `after ${ms} ms. Whether it happened is unknown: send the same call again.`);
    box.append(make("p", { class: "line" }, `${options.method} ${address}`));
    return;
  }
  const ms = Math.round(performance.now() - began);
  const kind = answer.status < 400 ? "good" : "bad";
  tell(box, make("span", { class: `status ${kind}` }, String(answer.status)), `${answer.statusText} in ${ms} ms`);
  box.append(make("p", { class: "line" }, `${options.method} ${address}`));
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  if (text) box.append(codeBox(pretty(text), "The answer's body"));
  const folded = make("details", { class: "folded" }, make("summary", {}, "Headers"));
  folded.append(make("pre", { tabindex: "0", role: "group", "aria-label": "The answer's headers" }, headers));
  box.append(folded);
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function codeBox(text, label) {
  const code = make("code");
  code.append(...colouredJson(text));
  const box = make("div", { class: "code" }, make("pre", { tabindex: "0", role: "group", "aria-label": label }, code));
  addCopy(box);
  return box;
}

function colouredJson(text) {
  const pieces = [];
  let last = 0;
  for (const match of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\b\d[\d.eE+-]*/g)) {
    const kind = match[2] ? "t" : match[1] ? "s" : /^[tfn]/.test(match[0]) ? "k" : "n";
    const piece = match[1] ?? match[0];
    pieces.push(text.slice(last, match.index), make("span", { class: kind }, piece));
    last = match.index + piece.length;
  }
  return [...pieces, text.slice(last)];
}

startTheme();
startPlaces();
for (const box of all(".tabs")) startTabs(box);
for (const box of all(".code")) addCopy(box);
startSearch();
for (const form of all(".try form")) startTrying(form);
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "center" });
