import { defineErrors } from "#util";

export const LightNodeError = defineErrors("LIGHTNODE", {
  NOT_STARTED: { message: () => "the light node is not running", blame: "caller", rpcCode: -32000 },
  NEEDS_CLIQUE: {
    message: () => "the genesis names no clique engine; hand in an engine that can check its headers",
    blame: "environment",
    exitCode: 2,
  },
});
