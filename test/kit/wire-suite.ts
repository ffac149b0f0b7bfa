// What every wire table must do, from its rows alone: round trips through the envelope, and nothing but a breach of
// protocol out of whatever a stranger sends.
import fc from "fast-check";
import { equalBytes, GlimError } from "#util";
import type { Messages, WireTable } from "#p2p";
import { describe, expect, test } from "vitest";
import { encodingsOf, isLossy } from "./rlp-arbitrary.ts";

const SEED = 0x717e;

/** Decodes fully, or gives the error's code; anything but the peer's breach is thrown on. */
function outcome(read: () => unknown): string {
  try {
    read();
    return "ok";
  } catch (error) {
    if (error instanceof GlimError && error.blame === "peer" && error.disconnect === 2) return error.code;
    throw error;
  }
}

/** Round-trip and garbage tests of every row. */
export function wireTableSuite<M extends Messages>(
  table: WireTable<M>,
  { runs = 60 }: { runs?: number } = {},
): void {
  describe(`${table.name}/${table.version}`, () => {
    for (const name of Object.keys(table.messages)) {
      const row = table.messages[name];
      if (row === undefined) continue;
      const ids = fc.record({
        reqId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        bv: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      });

      test(`${name} round-trips with its envelope`, () => {
        fc.assert(
          fc.property(encodingsOf(row.body), ids, (rawBody, { reqId, bv }) => {
            const { code, payload } = table.encodeRaw(name, rawBody, { reqId, bv });
            const message = table.decode({ code, payload });
            expect([message.name, equalBytes(message.rawBody, rawBody), message.size]).toEqual([
              name,
              true,
              payload.length,
            ]);
            const hasId = table.envelope !== "none" && message.kind !== "plain";
            expect(message.reqId).toBe(hasId ? reqId : undefined);
            expect(message.bv).toBe(
              hasId && table.envelope === "les" && message.kind === "reply" ? bv : undefined,
            );
            if (outcome(() => message.body) !== "ok" || isLossy(row.body)) return; // refused for what it means
            const again = table.encode(name, message.body, { reqId, bv });
            expect(again.code).toBe(code);
            expect(equalBytes(again.payload, payload)).toBe(true);
          }),
          { seed: SEED, numRuns: runs },
        );
      });

      test(`${name}: garbage is a breach of protocol, never anything else`, () => {
        const damaged = fc
          .tuple(
            encodingsOf(row.body),
            ids,
            fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
            fc.nat(),
          )
          .map(([rawBody, at, changes, cut]) => {
            const { payload } = table.encodeRaw(name, rawBody, at);
            const bytes = payload.slice(0, cut % 3 === 0 ? cut % (payload.length + 1) : payload.length);
            for (const [where, value] of changes) if (bytes.length > 0) bytes[where % bytes.length] = value;
            return bytes;
          });
        fc.assert(
          fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 64 })), (payload) => {
            outcome(() => table.decode({ code: row.code, payload }).body);
          }),
          { seed: SEED, numRuns: runs * 3 },
        );
      });
    }

    test("codes without a row are refused", () => {
      const codes = new Set(Object.values(table.messages).map(({ code }) => code));
      for (let code = 0; code <= table.length + 2; code++)
        if (!codes.has(code))
          expect(outcome(() => table.decode({ code, payload: Uint8Array.of(0xc0) }))).toBe(
            "P2P_UNKNOWN_CODE",
          );
    });
  });
}
