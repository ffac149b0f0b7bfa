import { defineErrors } from "#util";

export const NetutilError = defineErrors("NETUTIL", {
  BAD_CIDR: {
    message: (d: { text: string }) => `invalid CIDR address: ${d.text}`,
    blame: "environment",
    exitCode: 2,
  },
  BAD_LISTEN_ADDR: {
    message: (d: { text: string }) => `invalid listen address: ${d.text}`,
    blame: "environment",
    exitCode: 2,
  },
});
