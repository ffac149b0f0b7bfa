import fc from "fast-check";
import { expect, test } from "vitest";
import { les4, requestNames } from "#les/protocol";
import { encode, type Schema } from "#rlp";
import { concatBytes, GlimError, numberToBytes } from "#util";
import { LesWorld } from "../../../test/kit/les-pipe.ts";
import { filledWorld } from "../../../test/kit/light-world.ts";
import { encodingsOf } from "../../../test/kit/rlp-arbitrary.ts";

const seed = 0x1e5;
/** Around a body: [reqID, body]. */
const inEnvelope = (body: Uint8Array): Uint8Array => {
  const id = encode(numberToBytes(7));
  const length = id.length + body.length;
  const head =
    length < 56 ? [0xc0 + length] : [0xf7 + numberToBytes(length).length, ...numberToBytes(length)];
  return concatBytes(Uint8Array.from(head), id, body);
};

test.each(requestNames)(
  `RL-05 %s: whole or broken, it is answered or its sender's fault (seed ${seed})`,
  async (name) => {
    const { chain } = await filledWorld(3);
    const known = chain.head.hash;
    const { code, body } = les4.messages[name];
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(
        encodingsOf(body as Schema<unknown>),
        fc.nat(),
        fc.integer({ min: 0, max: 3 }),
        async (bytes, place, how) => {
          const request = inEnvelope(bytes);
          const at = place % request.length;
          if (how === 1) request[at] = (request[at] ?? 0) ^ (1 << (place % 8));
          // a block that is there, at a place where bytes of its length may be
          if (how === 2 && at + 32 <= request.length) request.set(known, at);
          const les = new LesWorld({ chain });
          const client = await les.connect();
          client.sendRaw(code, how === 3 ? request.subarray(0, at) : request);
          const outcome = await Promise.race([client.next().catch(() => client.ended), client.ended]);
          if (outcome instanceof GlimError)
            expect(outcome).toMatchObject({ blame: "peer", disconnect: expect.any(Number) });
          else {
            expect(outcome).toMatchObject({ name: les4.messages[name].reply, kind: "reply" });
            answered++;
          }
          client.close();
          expect(les.clock.activeTimers).toBe(0);
        },
      ),
      { seed, numRuns: 150 },
    );
    expect(answered).toBeGreaterThan(0);
  },
);
