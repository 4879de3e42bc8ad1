// The job type "n2n-render" of Flamenco: put this file into the folder `scripts` beside the Manager's program.
//
// `n2n-render farm --engine flamenco` writes the steps; here each of their shares becomes a task, which waits for all tasks of
// the steps before it.

const JOB_TYPE = {
    label: "n2n-render",
    settings: [
        { key: "scene", type: "string", required: true, visible: "web", description: "The scene; it is never changed" },
        { key: "frames", type: "string", required: true, visible: "web", description: "Frames of the shot" },
        { key: "folder", type: "string", required: true, visible: "web", description: "Renders and clean frames" },
        { key: "steps", type: "string", required: true, visible: "hidden", description: "What is done, as JSON" },
    ],
};

function compileJob(job) {
    const tasks = {};
    for (const step of JSON.parse(job.settings.steps)) {
        const before = [].concat(...step.after.map(name => tasks[name]));
        tasks[step.name] = step.shares.map(share => task(step, share, before));
        tasks[step.name].forEach(made => job.addTask(made));
    }
}

// A share is what follows the step's own arguments: none, or an option and its value.
function task(step, share, before) {
    const name = [step.name].concat(share.slice(-1)).join(" ");
    const made = author.Task(name, step.type);
    made.addCommand(author.Command("exec", { exe: step.exe, args: step.args.concat(share) }));
    before.forEach(other => made.addDependency(other));
    return made;
}
