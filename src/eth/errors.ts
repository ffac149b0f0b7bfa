import { defineErrors } from "#util";

export const EthError = defineErrors("ETH", {
  NOT_STARTED: { message: () => "the Ethereum service is not started", blame: "caller" },
  NEEDS_CLIQUE: {
    message: () => "sealing needs a genesis with a clique configuration",
    blame: "caller",
    exitCode: 2,
  },
  MAIN_NETWORK: {
    message: () =>
      "fakepow: on the main network proof of work is what tells the chain from any other; it is not left unchecked",
    blame: "caller",
    exitCode: 2,
  },
  NO_SIGNER: { message: () => "this node has no signer to seal with", blame: "caller", rpcCode: -32000 },
  NO_DATA_DIR: {
    message: () => "this node keeps nothing on disk, so it reads and writes no files",
    blame: "caller",
    rpcCode: -32000,
  },
  FILE_OUTSIDE: {
    message: () => "the file must be inside the data directory",
    blame: "caller",
    rpcCode: -32602,
  },
  FILE_NAME: {
    message: () => "no file can have this name: it is too long, or has a zero byte",
    blame: "caller",
    rpcCode: -32602,
  },
  FILE_EXISTS: {
    message: () => "location would overwrite an existing file",
    blame: "caller",
    rpcCode: -32000,
  },
  FILE_TOO_LARGE: {
    message: (d: { maxBytes: number }) => `the file is longer than ${d.maxBytes} bytes`,
    blame: "caller",
    rpcCode: -32000,
  },
  FILE_MISSING: { message: () => "there is no such file or folder", blame: "caller", rpcCode: -32000 },
});
