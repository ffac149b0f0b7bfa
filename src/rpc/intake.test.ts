import { PassThrough } from "node:stream";
import { turnsOf } from "#host";
import { expect, test } from "vitest";
import { until } from "../../test/kit/until.ts";
import { Intake } from "./intake.ts";

/** An intake on a stream and a clock that stands still unless work moves it; `bytes` is all that was handed on. */
function stage(onPiece: () => void = () => {}) {
  let now = 0;
  const turns = turnsOf({ now: () => now });
  const socket = new PassThrough();
  const pieces: Buffer[] = [];
  const work = (ms: number) => (now += ms);
  const owner = {};
  const intake = new Intake(socket, turns, owner, (piece) => {
    pieces.push(piece);
    onPiece();
  });
  return { intake, turns, socket, pieces, work, owner, bytes: () => Buffer.concat(pieces) };
}

/** Bytes that tell their place. */
const text = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i % 251));

test("RP-16 a chunk is handed on in pieces of 4,096 bytes, in order, as long as the turn has time", async () => {
  const { socket, pieces, bytes } = stage();
  socket.write(text(10_000));
  await until("all bytes", () => bytes().length === 10_000);
  expect(pieces.map(({ length }) => length)).toEqual([4_096, 4_096, 1_808]);
  expect(bytes()).toEqual(text(10_000));
  socket.write(text(7));
  await until("the next piece", () => pieces.length === 4);
  expect(pieces[3]).toEqual(text(7));
});

test("RP-16 a turn whose time is over ends a chunk in the middle: others begin first, and the socket is not read", async () => {
  const order: string[] = [];
  const { socket, turns, work, bytes } = stage(() => {
    work(3); // more than a turn has
    order.push("piece");
    if (order.length > 1) return;
    turns.begin("somebody else", () => order.push("somebody else"));
    setImmediate(() => order.push(socket.isPaused() ? "not read" : "read"));
  });
  socket.write(text(9_000));
  await until("all bytes", () => bytes().length === 9_000);
  expect(order.slice(0, 2)).toEqual(["piece", "somebody else"]);
  expect(order).toContain("not read");
  expect(order.filter((one) => one === "piece")).toHaveLength(3);
  expect(bytes()).toEqual(text(9_000));
  await until("the socket to be read again", () => !socket.isPaused());
});

test("RP-16 held in the middle of a chunk it hands nothing on until it is released, once or twice", async () => {
  let hold = () => {};
  const { intake, socket, pieces, bytes } = stage(() => hold());
  hold = () => intake.hold();
  socket.write(text(6_000));
  await until("the first piece", () => pieces.length === 1);
  expect(socket.isPaused()).toBe(true);
  socket.write(text(5)); // the socket keeps it
  hold = () => {};
  intake.release();
  intake.release();
  await until("all bytes", () => bytes().length === 6_005);
  expect(bytes()).toEqual(Buffer.concat([text(6_000), text(5)]));
});

test("RP-16 a hold while it waits for its turn holds, though the turn comes", async () => {
  const { intake, socket, turns, pieces, bytes, work } = stage();
  turns.mayBegin();
  work(3); // the turn is over
  socket.write(text(10));
  await until("the socket not to be read", () => socket.isPaused());
  intake.hold();
  let isPassed = false;
  turns.begin("somebody else", () => (isPassed = true));
  await until("the turn to pass", () => isPassed);
  expect(pieces).toHaveLength(0);
  intake.release();
  await until("all bytes", () => bytes().length === 10);
});

test("RP-16 what is left of a connection that was closed is dropped", async () => {
  let hold = () => {};
  const { intake, socket, pieces } = stage(() => hold());
  hold = () => intake.hold();
  socket.write(text(9_000));
  await until("the first piece", () => pieces.length === 1);
  let isClosed = false;
  socket.once("close", () => (isClosed = true));
  socket.destroy();
  await until("the end", () => isClosed);
  intake.release();
  expect(pieces).toHaveLength(1);
});
