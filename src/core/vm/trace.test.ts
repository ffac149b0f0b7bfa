import { describe, expect, test } from "vitest";
import { opName, stackFault } from "./opcodes.ts";

describe("opcodes as geth names them", () => {
  test("names", () => {
    expect([0x00, 0x20, 0x44, 0x5f, 0x7f, 0x80, 0x9f, 0xa4, 0xf5, 0xfe, 0x0c, 0xb0].map(opName)).toEqual([
      ..."STOP KECCAK256 DIFFICULTY PUSH0 PUSH32 DUP1 SWAP16 LOG4 CREATE2 INVALID".split(" "),
      "opcode 0xc not defined",
      "opcode 0xb0 not defined",
    ]);
  });

  test("what does not fit the stack", () => {
    expect(stackFault(0x01, 1)).toBe("stack underflow (1 <=> 2)");
    expect(stackFault(0x60, 1024)).toBe("stack limit reached 1024 (1023)");
    expect(stackFault(0x80, 1024)).toBe("stack limit reached 1024 (1023)");
    expect(stackFault(0x90, 1024)).toBeUndefined();
    expect(stackFault(0x90, 1)).toBe("stack underflow (1 <=> 2)");
  });
});
