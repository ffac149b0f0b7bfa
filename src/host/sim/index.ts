/** host/sim: the world for tests: virtual time, seeded chance, a net and files in memory. Nothing here touches the machine. */
import { HostError, type Files, type Host } from "#host";
import { concatBytes } from "#util";
import { SimulatedClock, seededRand } from "./clock.ts";
import { memoryNet } from "./net.ts";

export { SimulatedClock, seededRand } from "./clock.ts";
export { memoryNet } from "./net.ts";
export type { UdpWeather } from "./udp.ts";

/** Files in memory; folders are what paths say. */
export function memoryFiles(): Files {
  const files = new Map<string, Uint8Array>();
  const locked = new Set<string>();
  return {
    readFile: async (path) => files.get(path)?.slice(),
    writeFileAtomic: async (path, bytes) => void files.set(path, bytes.slice()),
    append: async (path, bytes) =>
      void files.set(path, concatBytes(files.get(path) ?? new Uint8Array(), bytes)),
    mkdir: async () => {},
    exists: async (path) => files.has(path) || [...files.keys()].some((name) => name.startsWith(`${path}/`)),
    list: async (path) => {
      const names = new Set<string>();
      for (const name of files.keys())
        if (name.startsWith(`${path}/`)) names.add(name.slice(path.length + 1).split("/")[0] ?? "");
      return [...names].sort();
    },
    freeBytes: async () => undefined,
    remove: async (path) => {
      for (const name of [...files.keys()])
        if (name === path || name.startsWith(`${path}/`)) files.delete(name);
    },
    lock: async (folder) => {
      if (locked.has(folder)) throw HostError("LOCKED", { folder });
      locked.add(folder);
      return {
        async [Symbol.asyncDispose]() {
          locked.delete(folder);
        },
      };
    },
  };
}

/** A whole simulated host from one seed. Entropy is seeded too: for tests only. */
export function simHost(
  seed: number,
  clock = new SimulatedClock(),
): Host & { readonly clock: SimulatedClock } {
  const rand = seededRand(seed);
  return {
    clock,
    rand,
    entropy: { bytes: (length) => Uint8Array.from({ length }, () => rand.int(256)) },
    net: memoryNet(),
    files: memoryFiles(),
  };
}
