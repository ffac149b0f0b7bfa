import { nodeHost } from "#host/node";
import { describe, expect, test } from "vitest";
import { call } from "../../test/kit/rpc.ts";
import { until } from "../../test/kit/until.ts";
import { json } from "./codec.ts";
import { api, method, subscription } from "./method.ts";
import { RpcServer } from "./server.ts";

describe("RP-19 subscriptions of costly items", () => {
  /** Counts from 0; an item is made when `make` is called. */
  function counting(limits: { heavyAtOnce: number; heavyWaiting: number }) {
    const made: (() => void)[] = [];
    const counts = subscription({
      doc: "Counts.",
      params: [],
      item: json,
      isHeavy: true,
      async *open() {
        for (let count = 0; count < 3; count++) {
          await new Promise<void>((resolve) => made.push(resolve));
          yield count;
        }
      },
    });
    const hold = method({
      doc: "Takes a place until it is let go.",
      params: [],
      result: json,
      isHeavy: true,
      handle: () => new Promise<number>((resolve) => made.push(() => resolve(7))),
    });
    const server = new RpcServer({
      apis: [api({ namespace: "work", methods: { hold }, subscriptions: { counts } })],
      host: nodeHost(),
      limits,
    });
    const replies: { id?: number; error?: unknown; params?: { result: number } }[] = [];
    const line = server.connect({ transport: "inproc", remote: "" }, (text) =>
      replies.push(JSON.parse(text)),
    );
    const ask = (id: number, name: string, ...params: unknown[]) => void line.receive(call(id, name, params));
    const items = () => replies.flatMap((reply) => reply.params?.result ?? []);
    return { server, line, made, replies, items, ask };
  }

  test("each item has a place while it is made, and none in between; the others get theirs first", async () => {
    const { server, line, made, items, ask, replies } = counting({ heavyAtOnce: 1, heavyWaiting: 1 });
    ask(1, "work_subscribe", "counts");
    await until("the first item to begin", () => made.length === 1);
    expect(server.heavy.running).toBe(1);
    ask(2, "work_hold");
    ask(3, "work_subscribe", "counts");
    await until("the refusal", () => replies.some(({ id }) => id === 3));
    expect(replies.find(({ id }) => id === 3)).toMatchObject({ error: { code: -32005 } });
    made.shift()?.();
    await until("the first item", () => items().length === 1);
    await until("the call at its place", () => made.length === 1);
    expect([server.heavy.running, server.heavy.waiting]).toEqual([1, 1]); // the second item waits
    ask(4, "work_hold"); // and takes nobody's room in the line
    expect(server.heavy.waiting).toBe(2);
    for (let left = 4; left > 0; left--) {
      await until("work", () => made.length === 1);
      made.shift()?.();
    }
    await until("all items", () => items().length === 3);
    expect(items()).toEqual([0, 1, 2]);
    await until("no place taken", () => server.heavy.running === 0);
    line.close();
  });

  test("whoever leaves while waiting gives the place back", async () => {
    const { server, line, made, ask } = counting({ heavyAtOnce: 1, heavyWaiting: 4 });
    ask(1, "work_hold");
    ask(2, "work_subscribe", "counts");
    await until("the wait", () => server.heavy.waiting === 1);
    line.close();
    made.shift()?.();
    await until("no place taken", () => server.heavy.running === 0 && server.heavy.waiting === 0);
    expect(made).toEqual([]);
  });
});
