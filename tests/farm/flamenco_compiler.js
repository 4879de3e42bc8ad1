// Compiles a job as Flamenco's Manager does: node flamenco_compiler.js JOB_TYPE.js JOB.json → its tasks as JSON.
//
// As strict as the Manager, or stricter: a script sees these globals alone, what is not there throws, a task is copied when it is
// added, names and types may not be empty, settings have the types that the job type declares.

const fs = require("fs");
const vm = require("vm");

function refuse(what) {
    throw new Error(what);
}

function strict(title, members) {
    return new Proxy(members, {
        get: (target, key) => (key in target || typeof key === "symbol" ? target[key] : refuse(`${title} has no ${String(key)}`)),
        set: (target, key) => refuse(`${title}.${String(key)} may not be set`),
    });
}

function text(value, what) {
    return typeof value === "string" && value.trim() ? value.trim() : refuse(`${what} is no text`);
}

const inside = new Map(); // what a script holds → what is kept

function keep(title, members, content) {
    const handle = strict(title, members);
    inside.set(handle, content);
    return handle;
}

let made = 0;
const author = strict("author", {
    Task: (name, type) => {
        const content = { id: `t${made++}`, name: text(name, "a task's name"), type: text(type, "a task's type"), commands: [], after: [] };
        const members = {
            addCommand: command => content.commands.push(inside.get(command) || refuse("that is no command")),
            addDependency: task => content.after.push((inside.get(task) || refuse("that is no task")).id),
        };
        return keep("task", members, content);
    },
    Command: (name, parameters) => keep("command", {}, { name: text(name, "a command's name"), parameters }),
});

const [scriptPath, jobPath] = process.argv.slice(2);
const submitted = JSON.parse(fs.readFileSync(jobPath, "utf8"));
const context = vm.createContext({ author, print: () => undefined, alert: () => undefined });
vm.runInContext(fs.readFileSync(scriptPath, "utf8"), context, { filename: scriptPath });

const jobType = vm.runInContext("JOB_TYPE", context);
text(jobType.label, "the job type's label");
const declared = new Map(jobType.settings.map(setting => [text(setting.key, "a setting's key"), setting]));
const kinds = { string: "string", bool: "boolean", int32: "number", float: "number" };
for (const [key, setting] of declared) {
    if (!kinds[setting.type]) refuse(`${key} is of no known type`);
    if (!["visible", "hidden", "submission", "web"].includes(setting.visible)) refuse(`${key} is visible ${setting.visible}`);
    if (setting.required && !(key in submitted.settings)) refuse(`${key} is missing`);
}
for (const [key, value] of Object.entries(submitted.settings)) {
    if (typeof value !== kinds[(declared.get(key) || refuse(`there is no setting ${key}`)).type]) refuse(`${key} is of another type`);
}

const tasks = [];
const job = strict("job", {
    name: submitted.name,
    settings: strict("settings", { ...submitted.settings }),
    addTask: task => tasks.push(JSON.parse(JSON.stringify(inside.get(task) || refuse("that is no task")))),
});
context.compileJob(job);

const known = new Set();
for (const task of tasks) {
    if (task.commands.length === 0) refuse(`${task.name} does nothing`);
    task.after.forEach(id => known.has(id) || refuse(`${task.name} waits for a task that was not added before it`));
    if (known.has(task.id)) refuse(`${task.name} was added twice`);
    known.add(task.id);
}
console.log(JSON.stringify(tasks));
