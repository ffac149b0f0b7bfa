// Checks the architecture: every folder with a door is a room of rooms.json, every import goes to a room its row
// lists (or to `base`), through the door, and there is no circle between rooms. House rules: docs/design/house.md.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

const { base, rooms } = JSON.parse(readFileSync("rooms.json", "utf8"));
const problems = [];
const files = [];
(function walk(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) walk(path);
    else if (name.endsWith(".ts")) files.push(path);
  }
})("src");

const roomOf = (file) => {
  let folder = relative("src", dirname(file)).split(sep).join("/");
  while (folder !== "" && folder !== ".") {
    if (folder in rooms) return folder;
    folder = folder.includes("/") ? folder.slice(0, folder.lastIndexOf("/")) : "";
  }
  return "";
};
const allowed = (room) => {
  const row = rooms[room] ?? [];
  if (row.includes("*")) return new Set(Object.keys(rooms));
  const isBase = ["util", "host", "event", "log", "rlp", "crypto", "params", "ethdb"].includes(room);
  return new Set(isBase || room.startsWith("host/") ? row : [...row, ...base]);
};

for (const room of Object.keys(rooms))
  if (!existsSync(join("src", room, "index.ts")))
    problems.push(`room ${room} has a row in rooms.json but no door`);

for (const file of files) {
  const room = roomOf(file);
  const isTest = /\.(test|bench|test-d)\.ts$/.test(file);
  if (room === "" && file !== join("src", "index.ts")) {
    problems.push(`${file}: in no room`);
    continue;
  }
  const text = readFileSync(file, "utf8");
  for (const [, spec] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
    if (spec.startsWith("#")) {
      const target = spec.slice(1);
      if (!(target in rooms)) problems.push(`${file}: ${spec} is not a door`);
      else if (target === room) problems.push(`${file}: imports its own door`);
      else if (room !== "" && !isTest && !allowed(room).has(target))
        problems.push(`${file}: room ${room} may not import ${target}`);
    } else if (spec.startsWith(".")) {
      const target = resolve(dirname(file), spec);
      const inside = relative(resolve("src"), target);
      if (inside.startsWith("..") && !isTest) problems.push(`${file}: reaches out of src: ${spec}`);
      else if (!inside.startsWith("..") && roomOf(target) !== room)
        problems.push(`${file}: reaches around a door: ${spec}`);
    }
  }
}

const state = new Map();
const visit = (room, path) => {
  if (state.get(room) === "done") return;
  if (state.get(room) === "open") {
    problems.push(`circle: ${[...path, room].join(" → ")}`);
    return;
  }
  state.set(room, "open");
  for (const next of rooms[room] ?? []) if (next !== "*") visit(next, [...path, room]);
  state.set(room, "done");
};
for (const room of Object.keys(rooms)) visit(room, []);

for (const problem of problems) console.error(problem);
console.log(`${files.length} files, ${Object.keys(rooms).length} rooms, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
