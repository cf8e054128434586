"use strict";
// Switches write the same lines of text as everybody else; text from outside is only ever put into
// the page as text.

const LOOK_MS = 1000;
const LIMIT = 100;
const SWITCHES = [ // kind, label, has a direction, value
  ["freeze", "Freeze", true, ""],
  ["refuse", "Refuse new ones", false, ""],
  ["delay", "Delay", true, "200ms jitter 50ms"],
  ["throttle", "Throttle (B/s)", true, "20k"],
  ["slow-loris", "Slow-loris", true, "100ms"],
  ["truncate", "Truncate after", true, "64k"],
  ["cut", "Cut in a frame", true, "frame 1"],
  ["corrupt", "Corrupt one byte", true, ""],
  ["reset", "Reset", false, "after 5s"],
  ["flap", "Flap", false, "5s 2s"],
];

const at = (id) => document.getElementById(id);

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function tell(trouble) {
  at("trouble").textContent = trouble;
  at("trouble").hidden = !trouble;
}

async function ask(path, fault) {
  const options = fault === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ fault }),
  };
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

// Makes `list` show these, and moves none that stands where it should: what has the focus, or is half
// pressed, must not vanish under it.
function show(list, wanted) {
  for (const child of [...list.children])
    if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, i) => {
    if (list.children[i] !== child) list.insertBefore(child, list.children[i] ?? null);
  });
}

function write(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

const pathOf = (connection) => connection === null ? "faults" : `connections/${connection}`;

// ---- switches

const way = () => document.querySelector("input[name=way]:checked").value;

async function command(text, path = "faults") {
  try {
    await ask(path, text);
    await look();
  } catch (error) {
    tell(`${text}: ${error.message}`);
    await look(true);
  }
}

const line = (...words) => words.filter(Boolean).join(" ");

function makeSwitch([kind, label, hasWay, value]) {
  const box = element("input", { type: "checkbox", id: `switch-${kind}` });
  const name = element("label", { className: "name" }, box, label);
  const field = element("input", { type: "text", className: "value", value, spellcheck: false });
  field.setAttribute("aria-label", `${label}: value`);
  box.addEventListener("change", () => command(box.checked
    ? line(kind, hasWay ? way() : "", value ? field.value : "") : `clear ${kind}`));
  field.addEventListener("change", () => box.checked && command(line(kind, box.dataset.way, field.value)));
  const whole = element("div", { className: "switch" }, name);
  if (value) whole.append(field);
  return whole;
}

// "both" and "50ms" of "delay both 50ms".
const wayOf = (fault) => /^\S+ (up|down|both)/.exec(fault.fault)?.[1] ?? "";
const valueOf = (fault) => fault.fault.replace(/^\S+ (?:(?:up|down|both) )?/, "");

function showSwitches(faults) {
  for (const [kind] of SWITCHES) {
    const fault = faults.find((one) => one.kind === kind && one.connection === null);
    const box = at(`switch-${kind}`);
    const whole = box.closest(".switch");
    const field = whole.querySelector(".value");
    box.checked = Boolean(fault);
    box.dataset.way = fault ? wayOf(fault) : "";
    whole.classList.toggle("on", box.checked);
    if (fault && field && field !== document.activeElement) field.value = valueOf(fault);
  }
}

// ---- what is on

let items = new Map(); // by the fault's id

function faultItem(fault) {
  const off = element("button", { type: "button", textContent: "Off" });
  off.setAttribute("aria-label", `Turn off ${fault.kind}`);
  off.addEventListener("click", () => command(`clear ${fault.kind}`, pathOf(fault.connection)));
  const note = fault.connection === null ? "" : ` (connection ${fault.connection} only)`;
  return element("li", {}, element("span", {}, element("code", { textContent: fault.fault }), note,
    element("span", { className: "now" })), off);
}

function showItems(faults) {
  items = new Map(faults.map((fault) => [fault.id, items.get(fault.id) ?? faultItem(fault)]));
  for (const fault of faults)
    write(items.get(fault.id).querySelector(".now"), fault.down ? " – down now" : "");
  show(at("faults"), items.size ? [...items.values()]
    : [element("li", { className: "empty", textContent: "No fault: bytes pass as they come." })]);
}

// "clear" for all leaves alone what is on for one connection.
async function allOff() {
  const { faults } = await ask("faults").catch(() => ({ faults: [] }));
  for (const connection of new Set([null, ...faults.map((fault) => fault.connection)]))
    await command("clear", pathOf(connection));
}

function showFaults(state) {
  at("route").textContent = `${state.listen} → ${state.to}`;
  showItems(state.faults);
  showSwitches(state.faults);
}

// ---- connections

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit++;
  }
  return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
}

function age(ms) {
  const s = Math.floor(ms / 1000);
  return s < 60 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(s / 60)} m ${s % 60} s`;
}

function stateText(connection) {
  if (connection.phase === "ended") return connection.result;
  return connection.frozen ? `frozen ${connection.frozen === "both" ? "both ways" : connection.frozen}`
    : connection.phase;
}

// What its buttons say, and do.
function actions(connection) {
  const isFrozen = connection.faults.includes("freeze") && connection.frozen;
  return [["Reset", "reset"], isFrozen ? ["Thaw", "clear freeze"] : ["Freeze", "freeze both"]];
}

let rows = new Map(); // of open connections, by number

function makeButton({ id }) {
  const button = element("button", { type: "button" });
  button.addEventListener("click", () => command(button.dataset.command, pathOf(id)));
  return button;
}

function makeRow(connection) {
  const isEnded = connection.phase === "ended";
  const classes = ["", "", "state", "number", "number", "number", ""];
  const buttons = isEnded ? [] : actions(connection).map(() => makeButton(connection));
  return element("tr", { className: isEnded ? "ended" : "" },
    ...classes.map((className) => element("td", { className })),
    element("td", { className: "buttons" }, ...buttons));
}

function fillRow(row, connection) {
  const texts = [connection.id, connection.peer, stateText(connection), age(connection.age_ms),
    size(connection.up_bytes), size(connection.down_bytes), connection.faults.join(", ")];
  texts.forEach((text, i) => write(row.cells[i], text));
  row.querySelectorAll("button").forEach((button, i) => {
    const [label, text] = actions(connection)[i];
    write(button, label);
    button.setAttribute("aria-label", `${label} connection ${connection.id}`);
    button.dataset.command = text;
  });
  return row;
}

function showConnections(state) {
  write(at("totals"), `${state.open} open, ${state.accepted} accepted, ${state.refused} refused; ` +
    `up ${size(state.up_bytes)}, down ${size(state.down_bytes)}`);
  const open = state.connections.filter(({ phase }) => phase !== "ended");
  rows = new Map(open.map((connection) => [connection.id, rows.get(connection.id) ?? makeRow(connection)]));
  show(at("connections"),
    state.connections.map((connection) => fillRow(rows.get(connection.id) ?? makeRow(connection), connection)));
}

// ---- looking

let shownFaults = "";

async function look(keepsTrouble = false) {
  try {
    const [faults, connections] = await Promise.all([ask("faults"), ask(`connections?limit=${LIMIT}`)]);
    const text = JSON.stringify(faults.faults);
    if (text !== shownFaults || keepsTrouble) showFaults(faults);
    shownFaults = text;
    showConnections(connections);
    if (!keepsTrouble) tell("");
  } catch {
    tell("The proxy does not answer.");
  }
}

let isAsking = false;
async function lookAgain() {
  if (isAsking || document.hidden) return;
  isAsking = true;
  await look(!at("trouble").hidden && at("trouble").textContent !== "The proxy does not answer.");
  isAsking = false;
}

at("switches").append(...SWITCHES.map(makeSwitch));
for (const button of document.querySelectorAll("[data-command]"))
  button.addEventListener("click", () => command(button.dataset.command));
at("calm").addEventListener("click", allOff);
at("free").addEventListener("submit", (event) => {
  event.preventDefault();
  if (at("text").value.trim()) command(at("text").value);
});
look();
setInterval(lookAgain, LOOK_MS);
