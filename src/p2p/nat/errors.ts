import { defineErrors } from "#util";

export const NatError = defineErrors("NAT", {
  BAD_TEXT: {
    message: (d: { text: string; why: string }) =>
      `invalid NAT mechanism ${JSON.stringify(d.text)}: ${d.why}`,
    blame: "environment",
    exitCode: 2,
  },
  NOT_FOUND: { message: (d: { what: string }) => `no ${d.what} router discovered`, blame: "network" },
  NO_ANSWER: { message: (d: { from: string }) => `no answer from ${d.from}`, blame: "network" },
  REFUSED: { message: (d: { by: string; why: string }) => `${d.by} refused: ${d.why}`, blame: "network" },
  BAD_ANSWER: {
    message: (d: { from: string; why: string }) => `bad answer from ${d.from}: ${d.why}`,
    blame: "network",
  },
});
