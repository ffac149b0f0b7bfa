import { defineErrors } from "#util";

export const EthError = defineErrors("ETH", {
  NOT_STARTED: { message: () => "the Ethereum service is not started", blame: "caller" },
  NEEDS_CLIQUE: {
    message: () => "sealing needs a genesis with a clique configuration",
    blame: "caller",
    exitCode: 2,
  },
});
