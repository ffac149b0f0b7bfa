import { Address } from "@ethereumjs/util";
import { fromHex } from "#util";

/**
 * Who makes the system calls at a block's edges. It pays nothing and has no nonce, so as a caller this one object stands for
 * no account: nothing is read, touched or written for it. A contract that looks at its address makes another object, and
 * sees what is there (core/vm/evm.go:294@v1.17.5: no transfer in a system call).
 */
export const NOBODY = new Address(fromHex("0xfffffffffffffffffffffffffffffffffffffffe"));
