// Marathon's page: apps, instances and deployments, and what can be done with them.
import { element, show, table, size } from "./page.js";
import { openCreate, openScale, openConfirm, request } from "./dialogs.js";

const interval = 1500;
let timer;

function status(app) {
  if (app.deployments.length > 0) return ["Deploying", "warn"];
  if (app.tasksUnhealthy > 0) return ["Unhealthy", "bad"];
  if (app.instances === 0 && app.tasksRunning === 0) return ["Suspended", "warn"];
  return app.tasksRunning > 0 ? ["Running", "good"] : ["Waiting", "warn"];
}

function button(app, word, action, className = "") {
  const made = element("button", { type: "button", className, onclick: action }, word);
  made.dataset.key = `${word} ${app.id}`;
  made.setAttribute("aria-label", `${word} ${app.id}`);
  return made;
}

function actions(app) {
  const path = `../v2/apps${app.id}`;
  return element("span", { className: "row" },
    button(app, "Scale", () => openScale(app, refresh)),
    button(app, "Restart", () => openConfirm("Restart Application", `Are you sure you want to restart ${app.id}?`,
      "Restart Application", (force) => request("POST", `${path}/restart?force=${force}`), refresh)),
    button(app, "Destroy", () => openConfirm("Destroy Application",
      `Are you sure you want to destroy ${app.id}? This action is irreversible.`, "Destroy Application",
      (force) => request("DELETE", `${path}?force=${force}`), refresh, "danger"), "danger"));
}

function apps(list) {
  return table("No applications. Create one to start.",
    ["Name", "Status", "Running", "CPU", "Memory", "Image or command", "Actions"], list.map((app) => {
      const [text, tone] = status(app);
      return [
        { className: "long", content: app.id },
        { content: element("span", { className: `state ${tone}` }, text) },
        { className: "number", content: `${app.tasksRunning} of ${app.instances}` },
        { className: "number", content: (app.cpus * app.instances).toFixed(1) },
        { className: "number", content: size(app.mem * app.instances) },
        { className: "long", content: app.container?.docker?.image || app.cmd || (app.args || []).join(" ") },
        { className: "number", content: actions(app) },
      ];
    }));
}

function ports(task) {
  const links = task.ports.flatMap((port, index) => [
    index ? " " : "", element("a", { href: `http://${task.host}:${port}/` }, `${task.host}:${port}`),
  ]);
  return element("span", {}, ...links);
}

function kill(task) {
  const made = element("button", { type: "button", className: "danger", onclick: () => openConfirm(
    "Kill Instance", `Are you sure you want to kill ${task.id}? It is replaced.`, "Kill Instance",
    () => request("POST", "../v2/tasks/delete", { ids: [task.id] }), refresh, "danger") }, "Kill");
  made.dataset.key = `Kill ${task.id}`;
  made.setAttribute("aria-label", `Kill ${task.id}`);
  return made;
}

function instances(list) {
  return table("No instances.", ["Instance", "State", "Address", "Version (UTC)", "Actions"], list.map((task) => [
    { className: "long", content: task.id },
    { content: element("span", { className: `state ${task.state === "TASK_RUNNING" ? "good" : "warn"}` },
      task.state.replace("TASK_", "")) },
    { content: ports(task) },
    { content: task.version.replace("T", " ").replace(/\..*/, "") },
    { className: "number", content: kill(task) },
  ]));
}

function deployments(list) {
  return table("No deployments.", ["Deployment", "Applications", "Action", "Step"], list.map((one) => [
    { className: "long", content: one.id },
    { className: "long", content: one.affectedApps.join(", ") },
    { content: one.currentActions.map((action) => action.action.replace("Application", "")).join(", ") },
    { className: "number", content: `${one.currentStep} of ${one.totalSteps}` },
  ]));
}

async function refresh() {
  clearTimeout(timer);
  try {
    const [found, tasks, running] = await Promise.all(
      ["../v2/apps", "../v2/tasks", "../v2/deployments"].map((uri) => request("GET", uri)));
    const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
    show("summary", `${count(found.apps.length, "application")}, ${count(tasks.tasks.length, "instance")}, `
      + count(running.length, "deployment"));
    show("apps", apps(found.apps));
    show("instances", instances(tasks.tasks));
    show("deployments", deployments(running));
  } catch (error) {
    show("summary", `Marathon does not answer: ${error.message}`);
  }
  timer = setTimeout(refresh, interval);
}

document.getElementById("create").onclick = () => openCreate(refresh);
refresh();
