// The text of docs/config.md, from the very rows that the command line, the environment and files are read by.
const load = (path) => import(`../dist/${path}.js`);

const cell = (text) => text.replaceAll("|", "\\|");
const code = (text) => (text === "" ? "" : `\`${text}\``);

function shown({ default: preset, kind }) {
  if (preset === undefined || preset === "" || preset === false) return "";
  if (kind === "duration") return `${Number(preset) / 1000} s`;
  const text = Array.isArray(preset) ? preset.join(",") : String(preset);
  return text === "" ? "" : code(text);
}

const LISTS = new Set(["nodes", "cidrs"]);

const what = ({ kind, choices, unit }) =>
  choices !== undefined
    ? choices.join(", ")
    : unit === undefined
      ? LISTS.has(kind)
        ? "list"
        : kind
      : `${kind}, ${unit}`;

export async function configDocs() {
  const [{ categories, variableOf }, { configTable }, { allOptions }, { rowOf }] = await Promise.all(
    ["config/index", "node/config-table", "cli/all-options", "cli/flags"].map(load),
  );
  const ofNode = new Map(configTable.map((row) => [row.path, row]));
  const commandRows = allOptions.map(rowOf);
  const paths = [...new Set([...ofNode.keys(), ...commandRows.map(({ path }) => path)])];
  const rows = paths.map((path) => {
    const command = commandRows.find((one) => one.path === path);
    return { ...(ofNode.get(path) ?? command), inConfig: ofNode.has(path) };
  });
  const line = (row) => {
    const { path, flag, oldFlags = [], toml = "", doc, inConfig } = row;
    const flags = flag === undefined ? "" : [flag, ...oldFlags].map((one) => code(`--${one}`)).join(" ");
    const cells = [
      inConfig ? code(path) : "",
      flags,
      flag === undefined ? "" : code(variableOf(row)),
      code(toml),
      what(row),
      shown(row),
      doc,
    ];
    return `| ${cells.map(cell).join(" | ")} |`;
  };
  const tables = categories.flatMap((category) => {
    const own = rows.filter((row) => row.category === category);
    if (own.length === 0) return [];
    return [
      `## ${category}`,
      "",
      "| `Config` | Flag | Variable | Key | Kind | Default | |",
      "|---|---|---|---|---|---|---|",
      ...own.map(line),
      "",
    ];
  });
  return `# Configuration

Made from the tables by \`scripts/make-docs.mjs\`. An option is set in a program (\`Config\`), by a flag, by a variable of the
environment, or in a TOML file that \`--config\` names; **flag over variable over file over default**. \`glim dumpconfig\` prints
what they come to. The default is a library's: commands that run a node open HTTP and WebSocket on 127.0.0.1:8545, listen for
peers on port 30303 and make \`glim.ipc\` in the data directory.

Flags and keys of geth 1.9 to 1.17 that stand in no row are known by name and passed over, once told; where that would make a
node less safe they are refused, and a name that neither program knows is an error that names the nearest one. An option that
has no flag is set in a file; one without flag and key, in a program.

${tables.join("\n").trimEnd()}
`;
}
