import { simHost } from "#host/sim";
import { createLogger } from "#log";
import { expect, test } from "vitest";
import { DiskWatch } from "./disk-watch.ts";

const GIB = 2 ** 30;

/** A watch over a disk whose free space the test says. */
function watched(minFreeMb = 1024) {
  const host = simHost(1);
  const disk: { free: number | undefined; asked: number } = { free: 10 * GIB, asked: 0 };
  const lines: string[] = [];
  const stops: string[] = [];
  const files = {
    ...host.files,
    freeBytes: async () => {
      disk.asked++;
      return disk.free;
    },
  };
  const watch = new DiskWatch({
    path: "/data",
    minFreeMb,
    host: { clock: host.clock, files },
    log: createLogger({ level: "warn", format: "json", write: (line) => lines.push(line) }),
    onFull: (error) => stops.push(`${error.code} ${error.exitCode} ${error.message}`),
  });
  return { watch, disk, lines, stops, clock: host.clock };
}

test("ST-05 every 30 s: warns once under 2 GiB, stops once under 1 GiB, with exit code 5", async () => {
  const { watch, disk, lines, stops, clock } = watched();
  await watch.start();
  expect(disk.asked).toBe(1);
  await clock.advance(29_999);
  expect(disk.asked).toBe(1);
  await clock.advance(1);
  expect(disk.asked).toBe(2);
  disk.free = 2 * GIB - 1;
  await clock.advance(90_000);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("disk space is low");
  expect(stops).toEqual([]);
  disk.free = GIB - 1;
  await clock.advance(30_000);
  expect(stops).toEqual([
    "NODE_DISK_FULL 5 1023 MB are free on the disk of /data, at least 1024 are needed (--datadir.minfreedisk)",
  ]);
  const { asked } = disk;
  await clock.advance(300_000);
  expect(disk.asked).toBe(asked);
  expect(stops).toHaveLength(1);
});

test("space that comes back is watched on, and warned of again", async () => {
  const { watch, disk, lines, clock } = watched(100);
  await watch.start();
  for (const free of [150, 500, 150]) {
    disk.free = free * 2 ** 20;
    await clock.advance(30_000);
  }
  expect(lines).toHaveLength(2);
});

test("too little at the start is an error; a disk that does not say is not watched; a disposed watch asks no more", async () => {
  const full = watched();
  full.disk.free = 0;
  await expect(full.watch.start()).rejects.toMatchObject({ code: "NODE_DISK_FULL", exitCode: 5 });
  const silent = watched();
  silent.disk.free = undefined;
  await silent.watch.start();
  await silent.clock.advance(60_000);
  expect(silent.stops).toEqual([]);
  silent.watch[Symbol.dispose]();
  const { asked } = silent.disk;
  await silent.clock.advance(60_000);
  expect(silent.disk.asked).toBe(asked);
});
