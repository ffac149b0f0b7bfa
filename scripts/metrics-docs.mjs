// The text of docs/metrics.md, from the very tables that are counted into.
const cell = (text) => text.replaceAll("|", "\\|");

export async function metricsDocs() {
  const { metricTables } = await import("../dist/node/metric-tables.js");
  const tables = Object.entries(metricTables).flatMap(([room, table]) => [
    `## ${room}`,
    "",
    "| Name | Kind | Labels | |",
    "|---|---|---|---|",
    ...Object.entries(table).map(([metric, { kind, labels = [], doc }]) => {
      const cells = [`\`glim_${room}_${metric}\``, kind, labels.map((one) => `\`${one}\``).join(" "), doc];
      return `| ${cells.map(cell).join(" | ")} |`;
    }),
    "",
  ]);
  return `# Metrics

Made from the tables by \`scripts/make-docs.mjs\`. With \`--metrics\` (\`metrics.host\` of a \`Config\`) a node counts these and serves them on
\`--metrics.addr\`:\`--metrics.port\` as Prometheus reads them, at \`/metrics\` and at geth's \`/debug/metrics/prometheus\`; as JSON at
\`/debug/metrics\` and by \`debug_metrics\`. \`/health\`, \`/health/ready\` and \`/health/live\` are there too, profiles with \`--pprof\`; every
other path is 404, and the web pages of other sites get 403 from all of them.

A counter begins at 0 with the process; those of p2p handshakes and of discovery with each start of the node. A figure that nothing has been counted for
yet is not there. A figure has 1,000 series at most, what comes after them is counted under \`other\`.

${tables.join("\n").trimEnd()}
`;
}
