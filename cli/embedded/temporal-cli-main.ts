import { errorLine, ImageStreamError } from '../../contracts/errors.js';
import { findTemporalCli } from './temporal-cli.js';

/** What scripts/temporal-cli runs: the path on standard output, the story on standard error. */
try {
  const { path, source } = await findTemporalCli({ note: (line) => console.error(line) });
  console.error(`Temporal CLI: ${path} (${source})`);
  console.log(path);
} catch (error) {
  if (!(error instanceof ImageStreamError)) throw error;
  console.error(errorLine(error));
  process.exitCode = error.exit;
}
