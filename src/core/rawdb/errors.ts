import { defineErrors } from "#util";

/** Errors of the database layout. Not found is `undefined`; these say that what is there cannot be read. */
export const RawdbError = defineErrors("RAWDB", {
  CORRUPT: {
    message: (d: { what: string; key: string }) => `database holds an unreadable ${d.what} at ${d.key}`,
    blame: "environment",
    exitCode: 4,
  },
  SCHEMA: {
    message: (d: { have: number; want: number }) =>
      d.have > d.want
        ? `the database was written by a newer glim (schema version ${d.have}, this one reads ${d.want}); use that, nothing was changed`
        : `database has schema version ${d.have}, this program reads version ${d.want}`,
    blame: "environment",
    exitCode: 7,
  },
});
