// Completes package-lock.json: npm leaves out the packages of other platforms when the registry it installed from
// does not have them, and `npm ci` then refuses the file everywhere. Each missing row gets the version its parent
// names and the platform its name says. Run after `npm install` changed the lock file.
import { readFileSync, writeFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const { packages } = lock;
const added = [];
for (const row of Object.values(packages))
  for (const [name, version] of Object.entries(row.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    const words = name.split(/[-/]/);
    const os = words.find((w) =>
      ["android", "darwin", "freebsd", "linux", "openharmony", "win32"].includes(w),
    );
    const cpu = words.find((w) => /^(arm|arm64|ia32|x64|ppc64|riscv64|s390x)$/.test(w));
    if (path in packages || os === undefined || cpu === undefined) continue;
    const libc = os === "linux" && name.endsWith("-musl") ? { libc: ["musl"] } : {};
    packages[path] = {
      version,
      cpu: [cpu],
      ...(row.dev ? { dev: true } : {}),
      ...libc,
      optional: true,
      os: [os],
    };
    added.push(name);
  }
const rows = Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(rows);
writeFileSync("package-lock.json", `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(`${added.length} rows added${added.length === 0 ? "" : `: ${added.join(", ")}`}`);
