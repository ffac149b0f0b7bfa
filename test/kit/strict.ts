/** A test run fails on what nobody awaited: rejections and process warnings (A1 of attacks-and-faults). */
process.on("warning", (warning) => {
  if (warning.name === "MaxListenersExceededWarning") throw warning;
});
