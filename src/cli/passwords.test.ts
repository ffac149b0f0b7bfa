import { expect, test } from "vitest";
import { splitPasswords } from "./passwords.ts";

test("attack/KS-08 a password file: bytes, one line end off each line", () => {
  const lines = (text: string) =>
    splitPasswords(Buffer.from(text, "latin1")).map((line) => Buffer.from(line).toString("latin1"));
  expect(lines("a\nb")).toEqual(["a", "b"]);
  expect(lines("a\r\nb\r\n")).toEqual(["a", "b"]);
  expect(lines("a \n")).toEqual(["a "]);
  expect(lines("a\r\r\n")).toEqual(["a\r"]);
  expect(lines("a\r")).toEqual(["a\r"]);
  expect(lines("")).toEqual([""]);
  expect(lines("\n")).toEqual([""]);
  expect(lines("\n\n")).toEqual(["", ""]);
  expect(lines("a\0\xff\n")).toEqual(["a\0\xff"]);
});
