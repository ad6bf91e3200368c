// The dialogs: create, scale, confirm. What the server objects to is shown at its field.
import { element } from "./page.js";

/** A request with a JSON body; answers that are no success throw with what the server said. */
export async function request(method, uri, body) {
  const answer = await fetch(uri, {
    method, headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  const isJSON = (answer.headers.get("Content-Type") || "").includes("json");
  const json = text && isJSON ? JSON.parse(text) : {};
  if (answer.ok) return json;
  const message = json.message || `${answer.status} ${isJSON ? "" : text.slice(0, 200)}`.trim();
  throw Object.assign(new Error(message), { status: answer.status, details: json.details });
}

const fields = [
  ["/container/docker/image", "image"], ["/container/portMappings", "portMappings"], ["/networks", "network"],
  ["/env", "env"], ["/id", "id"], ["/cmd", "cmd"], ["/cpus", "cpus"], ["/mem", "mem"], ["/instances", "instances"],
];
const words = {
  "error.path.missing": "must be given", "error.minLength": "must not be blank", "error.min": "is too small",
  "error.max": "is too large", "error.expected.jsnumber": "must be a number", "error.expected.int": "must be a whole number",
  "error.pattern": "may have lower case letters, digits, dashes, dots and slashes",
};

function clear(form) {
  form.querySelectorAll(".field-error").forEach((one) => one.remove());
  form.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
  const banner = form.querySelector(".form-error");
  banner.hidden = true;
  banner.textContent = "";
}

function mark(form, name, text) {
  const input = form.elements[name];
  const note = element("span", { className: "field-error", id: `${name}-error` }, text);
  input.after(note);
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", note.id);
}

/** Shows an error in a form: at its fields where it names them, above them otherwise. */
function explain(form, error) {
  clear(form);
  const general = [];
  for (const detail of Array.isArray(error.details) ? error.details : []) {
    const text = detail.errors.map((one) => words[one] || one).join("; ");
    const field = fields.find(([path, name]) => detail.path.startsWith(path) && form.elements[name]);
    if (field) mark(form, field[1], text); else general.push(text);
  }
  if (!Array.isArray(error.details) || error.details.length === 0) general.push(error.message);
  const banner = form.querySelector(".form-error");
  banner.textContent = general.join("; ");
  banner.hidden = general.length === 0;
  form.querySelector("[aria-invalid]")?.focus();
}

/** Opens a dialog; `send(force)` is tried when it is submitted, a second time with force when the app was locked. */
function open(id, send, done) {
  const dialog = document.getElementById(id);
  const form = dialog.querySelector("form");
  let force = false;
  let busy = false;
  clear(form);
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    try {
      await send(force, form);
      dialog.close();
      done();
    } catch (error) {
      explain(form, error);
      force = error.status === 409 && Boolean(error.message.includes("locked"));
      if (force) form.querySelector(".form-error").textContent += " Press the button again to force it.";
    }
    busy = false;
  };
  dialog.querySelector("[id$=cancel]").onclick = () => dialog.close();
  dialog.showModal();
}

function number(form, name) {
  const text = form.elements[name].value.trim();
  const value = Number(text);
  if (text === "" || Number.isNaN(value)) {
    throw Object.assign(new Error(), { details: [{ path: `/${name}`, errors: ["error.expected.jsnumber"] }] });
  }
  return value;
}

function lines(form, name) {
  return form.elements[name].value.split("\n").map((line) => line.trim()).filter(Boolean);
}

function wrong(path, text) {
  return Object.assign(new Error(text), { details: [{ path, errors: [text] }] });
}

function environment(form) {
  return Object.fromEntries(lines(form, "env").map((line) => {
    const split = line.indexOf("=");
    if (split < 1) throw wrong("/env", `'${line}' is no NAME=value`);
    return [line.slice(0, split), line.slice(split + 1)];
  }));
}

function portMappings(form) {
  return lines(form, "portMappings").map((line) => {
    const match = line.match(/^(\d+)(?::(\d+))?(?:\/(tcp|udp))?$/);
    if (!match) throw wrong("/container/portMappings", `'${line}' is no container port or container:host port`);
    return { containerPort: Number(match[1]), hostPort: Number(match[2] || 0), protocol: match[3] || "tcp" };
  });
}

/** The app that the form describes; throws with everything that is wrong in it. */
function definition(form) {
  const details = [];
  const read = (part, name) => {
    try {
      return part(form, name);
    } catch (error) {
      if (!error.details) throw error;
      details.push(...error.details);
      return undefined;
    }
  };
  const text = (_, name) => form.elements[name].value.trim();
  const app = { id: read(text, "id") };
  if (!app.id) details.push({ path: "/id", errors: ["error.minLength"] });
  for (const name of ["instances", "cpus", "mem"]) app[name] = read(number, name);
  app.env = read(environment);
  const command = read(text, "cmd");
  const image = read(text, "image");
  const mappings = read(portMappings);
  if (command) app.cmd = command;
  if (!command && !image) details.push({ path: "/cmd", errors: ["must be given if there is no Docker image"] });
  if (image) {
    const mode = form.elements.network.value;
    app.container = { type: "DOCKER", docker: { image } };
    app.networks = [{ mode }];
    if (mode !== "host") app.container.portMappings = mappings;
  } else if (mappings?.length > 0) {
    details.push({ path: "/container/docker/image", errors: ["is needed for port mappings"] });
  }
  if (details.length > 0) throw Object.assign(new Error(), { details });
  return app;
}

export function openCreate(done) {
  document.getElementById("app-form").reset();
  open("app-dialog", (force, form) => request("POST", `../v2/apps?force=${force}`, definition(form)), done);
}

export function openScale(app, done) {
  document.getElementById("scale-form").elements.instances.value = app.instances;
  open("scale-dialog", (force, form) =>
    request("PUT", `../v2/apps${app.id}?force=${force}`, { instances: number(form, "instances") }), done);
}

export function openConfirm(title, text, word, send, done, tone = "") {
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  document.getElementById("confirm-ok").textContent = word;
  document.getElementById("confirm-ok").className = `primary ${tone}`;
  open("confirm-dialog", send, done);
}
