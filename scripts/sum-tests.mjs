// Sums vitest's json reports and failed other steps into the one last line of CI: `N passed, N failed, N skipped`.
// node scripts/sum-tests.mjs <failed steps> <report.json>…; exit code 1 when anything failed or nothing ran.
import { readFileSync } from "node:fs";
import { basename } from "node:path";

const [failedSteps, ...reports] = process.argv.slice(2);
const sum = { passed: 0, failed: Number(failedSteps), skipped: 0 };
for (const path of reports) {
  const name = basename(path, ".json");
  const report = read(path);
  if (report?.numTotalTests === undefined) {
    console.log(`${name}: no report was written`);
    sum.failed++;
    continue;
  }
  const files = report.testResults ?? [];
  const broken = files.filter((file) => file.status === "failed" && !file.assertionResults.some(isFailed));
  for (const file of broken) console.log(`${name}: ${file.name} failed outside its tests: ${file.message}`);
  for (const file of files)
    for (const test of file.assertionResults.filter(isFailed))
      console.log(`${name}: failed: ${test.fullName}`);
  // A run that is not a success although every test passed had an unhandled error.
  const unhandled = !report.success && report.numFailedTests === 0 && broken.length === 0 ? 1 : 0;
  if (unhandled) console.log(`${name}: an error outside all tests`);
  const failed = report.numFailedTests + broken.length + unhandled;
  const skipped = report.numPendingTests + report.numTodoTests;
  console.log(`${name}: ${report.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
  sum.passed += report.numPassedTests;
  sum.failed += failed;
  sum.skipped += skipped;
}
const skipped = sum.skipped === 0 ? "" : `, ${sum.skipped} skipped`;
console.log(`${sum.passed} passed, ${sum.failed} failed${skipped}`);
process.exit(sum.failed === 0 && sum.passed > 0 ? 0 : 1);

function read(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function isFailed(test) {
  return test.status === "failed";
}
