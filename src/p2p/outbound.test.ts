import { generateKey, publicKeyOf } from "#crypto";
import { makeEnode } from "#enode";
import { seededRand } from "#host/sim";
import { describe, expect, test } from "vitest";
import { anchorsOf, whoMakesRoom } from "./outbound.ts";

const peer = (change: { inbound?: boolean; isStatic?: boolean; isTrusted?: boolean } = {}) => {
  const node = makeEnode(publicKeyOf(generateKey()), { ip: "203.0.113.1", tcp: 30_303 });
  return { id: node.id, node, inbound: false, isStatic: false, isTrusted: false, ...change };
};

describe("DI-08 outbound peers", () => {
  const mixed = [
    peer({ inbound: true }),
    peer({ isStatic: true }),
    ...Array.from({ length: 10 }, () => peer()),
  ];

  test("anchors are the eight that we dialled the longest ago; inbound and static ones are none", () => {
    expect(anchorsOf(mixed)).toEqual(mixed.slice(2, 10).map(({ node }) => node));
    expect(anchorsOf([])).toEqual([]);
  });

  test("one makes room when all slots are full and somebody waits; never one of the first four, nor a trusted one", () => {
    const rand = seededRand(1);
    const dynamic = mixed.slice(2);
    const left = new Set<string>();
    for (let i = 0; i < 200; i++)
      left.add(whoMakesRoom(mixed, { maxDialed: 10, waiting: 1, rand })?.id ?? "");
    expect(left).toEqual(new Set(dynamic.slice(4).map(({ id }) => id)));
    expect(whoMakesRoom(mixed, { maxDialed: 11, waiting: 1, rand })).toBeUndefined();
    expect(whoMakesRoom(mixed, { maxDialed: 10, waiting: 0, rand })).toBeUndefined();
    expect(whoMakesRoom(dynamic.slice(0, 4), { maxDialed: 4, waiting: 9, rand })).toBeUndefined();
    const trusted = [...dynamic.slice(0, 4), peer({ isTrusted: true })];
    expect(whoMakesRoom(trusted, { maxDialed: 5, waiting: 9, rand })).toBeUndefined();
  });
});
