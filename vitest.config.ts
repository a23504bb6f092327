import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The lanes of the integration tests: each has a local cloud of its own (see test/support/cloud.ts). */
const LANES = (process.env.IMAGE_STREAM_LOCAL_CLOUDS ?? '').split(':').filter(Boolean).length || 1;

/** What takes minutes goes first, so that no lane is left with it at the end. */
const LONG = ['quickstart', 'workers', 'bad-input', 'cli-runs', 'sync', 'memory'];

class LongOnesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONG.indexOf(basename(moduleId, '.test.ts'));
      return place === -1 ? LONG.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** Three runners: `unit` needs nothing, `workflow` a Temporal server, `integration` the local cloud as well. */
export default defineConfig({
  test: {
    pool: 'forks',
    sequence: { sequencer: LongOnesFirst },
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'workflow',
          include: ['test/workflow/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: LANES,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
