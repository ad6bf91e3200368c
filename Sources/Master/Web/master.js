// The master's page: shows its /state and refreshes itself.
import { element, show, table, size, ago } from "./page.js";

const interval = 2000;

function gauges(state) {
  const sum = (list, field, name) => list.reduce((total, agent) => total + (agent[field][name] || 0), 0);
  const rows = [["CPUs", "cpus", (n) => n.toFixed(1)], ["Memory", "mem", size], ["Disk", "disk", size]];
  return rows.map(([title, name, format]) => {
    const total = sum(state.slaves, "resources", name);
    const used = sum(state.slaves, "used_resources", name);
    const offered = sum(state.slaves, "offered_resources", name);
    const meter = element("meter", { min: 0, max: total || 1, value: used });
    const text = `${format(used)} of ${format(total)} used${offered > 0 ? `, ${format(offered)} offered` : ""}`;
    meter.setAttribute("aria-label", `${title}: ${text}`);
    return element("div", { className: "gauge" }, element("label", {}, element("strong", {}, title), text), meter);
  });
}

const tone = { TASK_RUNNING: "good", TASK_FINISHED: "good", TASK_FAILED: "bad", TASK_LOST: "bad", TASK_ERROR: "bad" };

function sandbox(task, agents) {
  const agent = agents.get(task.slave_id);
  if (!agent) return "";
  const executor = task.executor_id || task.id;
  const path = `/frameworks/${task.framework_id}/executors/${executor}/runs/latest`;
  const link = (file) => element("a", {
    href: `//${agent.hostname}:${agent.port}/files/download?path=${encodeURIComponent(`${path}/${file}`)}`,
  }, file);
  return element("span", {}, link("stdout"), " ", link("stderr"));
}

function tasks(state) {
  const agents = new Map(state.slaves.map((agent) => [agent.id, agent]));
  const all = state.frameworks.flatMap((framework) => [
    ...framework.tasks, ...framework.unreachable_tasks, ...framework.completed_tasks.slice(-50).reverse(),
  ]);
  return table("No tasks.", ["Task", "State", "Agent", "CPUs", "Memory", "Since", "Sandbox"], all.map((task) => [
    { className: "long", content: task.id },
    { content: element("span", { className: `state ${tone[task.state] || "warn"}` }, task.state.replace("TASK_", "")) },
    { content: agents.get(task.slave_id)?.hostname || task.slave_id },
    { className: "number", content: task.resources.cpus.toFixed(1) },
    { className: "number", content: size(task.resources.mem) },
    { content: task.statuses.length ? ago(task.statuses.at(-1).timestamp) : "" },
    { content: sandbox(task, agents) },
  ]));
}

function frameworks(state) {
  return table("No frameworks.", ["Framework", "Name", "User", "Roles", "Tasks", "State"], state.frameworks.map((one) => [
    { className: "long", content: one.id },
    { content: one.webui_url ? element("a", { href: one.webui_url }, one.name) : one.name },
    { content: one.user },
    { content: (one.roles || [one.role]).join(", ") },
    { className: "number", content: String(one.tasks.length) },
    { content: element("span", { className: `state ${one.active ? "good" : "warn"}` },
      one.active ? "active" : one.recovered ? "recovered" : "disconnected") },
  ]));
}

function agents(state) {
  return table("No agents.", ["Agent", "Host", "State", "CPUs", "Memory", "Disk", "Registered"], state.slaves.map((one) => [
    { className: "long", content: one.id },
    { content: element("a", { href: `//${one.hostname}:${one.port}/state` }, `${one.hostname}:${one.port}`) },
    { content: element("span", { className: `state ${one.active ? "good" : "bad"}` }, one.active ? "active" : "inactive") },
    { className: "number", content: one.resources.cpus.toFixed(1) },
    { className: "number", content: size(one.resources.mem) },
    { className: "number", content: size(one.resources.disk) },
    { content: ago(one.registered_time) },
  ]));
}

async function refresh() {
  try {
    const answer = await fetch("master/state");
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const state = await answer.json();
    const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
    document.getElementById("cluster").textContent = state.cluster || "";
    const elected = new Date(state.elected_time * 1000).toLocaleString();
    show("summary", `Leader ${state.leader}, version ${state.version}, elected ${elected}: `
      + `${count(state.activated_slaves, "agent")}, ${count(state.frameworks.length, "framework")}, `
      + count(state.frameworks.reduce((n, one) => n + one.tasks.length, 0), "active task"));
    show("resources", ...gauges(state));
    show("tasks", tasks(state));
    show("frameworks", frameworks(state));
    show("agents", agents(state));
  } catch (error) {
    show("summary", `The master does not answer: ${error.message}`);
  }
  setTimeout(refresh, interval);
}

refresh();
