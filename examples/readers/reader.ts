// Reads bookproof's vectors and asks an exchange: node reader.ts bookproof-vectors/vectors.txt (Node 22.18 or newer)
import { readFileSync } from "node:fs";

/** Where your exchange goes: a command's fields in, its events out. This one takes every order and never trades. */
function carryOut(command: Map<string, string>): string[] {
  if (command.get("do") !== "submit") return [];
  const fields = ["symbol", "order_id", "side", "price", "quantity"].map((key) => ` ${key}=${command.get(key) ?? ""}`);
  return ["event say=accepted" + fields.join("")];
}

const count: Record<string, number> = {};
let said: string[] = [];
let sum = 0xcbf29ce484222325n;
let fine = 0;
let all = true;
for (const line of readFileSync(process.argv[2], "ascii").split("\n").slice(0, -1)) {
  const [word, ...fields] = line.split(" ");
  if ((word === "scenario" && count.scenario) || word === "end") {
    if (all && said.length === 0) fine += 1; // the one before is over
    all = true;
    said = []; // a new exchange begins here
  }
  count[word] = (count[word] ?? 0) + 1;
  if (word === "command") {
    all &&= said.length === 0;
    said = carryOut(new Map(fields.map((field): [string, string] => [field.split("=", 1)[0], field.slice(field.indexOf("=") + 1)])));
  } else if (word === "event") {
    all = said.shift() === line && all;
  } else if (word === "end" && line !== `end checksum=${sum.toString(16).padStart(16, "0")}`) {
    throw new Error("the file was changed");
  }
  for (const byte of Buffer.from(line + "\n")) sum = ((sum ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
}
console.log(count.scenario, count.command, count.event, count.view, fine);
