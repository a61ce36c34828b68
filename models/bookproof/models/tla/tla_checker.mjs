// Runs tla-checker on one model: reads a request from standard input, writes the result to standard output.
// What a counterexample lacks, the names of its actions, is asked of the same checker's stepping interface.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { folder, source, cfg, max_states, max_depth, deadlock } = JSON.parse(readFileSync(0, "utf8"));
const checker = await import(pathToFileURL(join(folder, "tla_checker.js")).href);
checker.initSync({ module: readFileSync(join(folder, "tla_checker_bg.wasm")) });

const result = JSON.parse(checker.check_spec_with_cfg(source, cfg, "{}", max_states, max_depth, !deadlock, false));

// A trace is text: "State 0", then a line "  name = value" for each variable, and so on.
function statesOf(text) {
  const states = [];
  for (const line of text.split("\n")) {
    const [, name, value] = line.match(/^  (\w+) = (.*)$/) ?? [];
    if (/^State \d+$/.test(line)) states.push({});
    else if (name !== undefined) states.at(-1)[name] = value;
    else if (line.trim()) throw new Error(`a line of a trace that is no variable: ${line}`);
  }
  return states;
}

const same = (one, other) => Object.keys(one).every((name) => one[name] === other[name]);

if (result.trace?.length === 1) {
  const states = statesOf(result.trace[0]);
  const actions = [""];
  let at = JSON.parse(checker.explore_init(source, cfg, "{}")).states?.find(({ display }) => same(display, states[0]));
  for (const state of states.slice(1)) {
    const next = at && JSON.parse(checker.explore_next(source, cfg, "{}", JSON.stringify(at.json)));
    const step = next?.transitions?.find(({ state: { display } }) => same(display, state));
    actions.push(step?.action ?? "?");
    at = step?.state;
  }
  result.steps = states.map((state, number) => ({ action: actions[number], state }));
}
process.stdout.write(JSON.stringify(result));
