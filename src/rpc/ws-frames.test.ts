import { seededRand } from "#host/sim";
import { describe, expect, test } from "vitest";
import { FrameMeter } from "./ws-frames.ts";

/** A masked client frame. */
function frame(first: number, length: number): Buffer {
  const head =
    length < 126
      ? Buffer.of(first, 0x80 | length)
      : length < 65_536
        ? Buffer.of(first, 0xfe, length >> 8, length & 0xff)
        : Buffer.concat([Buffer.of(first, 0xff), Buffer.from(length.toString(16).padStart(16, "0"), "hex")]);
  return Buffer.concat([head, Buffer.alloc(4), Buffer.alloc(length, 0x81)]); // a payload that looks like heads
}

describe("RP-16 frames counted by their heads", () => {
  test.each([1, 2, 3, 7, 4_096, 1_000_000])(
    "in pieces of %i: sizes, fragments, control frames between, empty ones",
    (size) => {
      const rand = seededRand(size);
      const bytes = Buffer.concat([
        ...[frame(0x81, 0), frame(0x82, 125), frame(0x81, 126), frame(0x81, 65_535), frame(0x81, 65_536)],
        ...[
          frame(0x01, 100),
          frame(0x89, 5),
          frame(0x00, 200),
          frame(0x8a, 0),
          frame(0x80, 0),
          frame(0x81, rand.int(9)),
        ],
      ]);
      const sizes: number[] = [];
      let now = 0;
      const meter = new FrameMeter({
        grown: (sum) => {
          expect(sum).toBeGreaterThan(now);
          now = sum;
        },
        whole: () => {
          sizes.push(now);
          now = 0;
        },
      });
      for (let at = 0; at < bytes.length; at += size) meter.push(bytes.subarray(at, at + size));
      expect(sizes).toEqual([0, 125, 126, 65_535, 65_536, 300, sizes.at(-1)]);
      expect(sizes.at(-1)).toBeLessThan(9);
    },
  );
});
