import type { Activities } from '../contracts/activities.js';
import { contentIdFor } from '../targets/content-id.js';
import { imagesToAskAbout, pageOf, surveyRegion, type PlanInput } from '../targets/plan.js';
import type { Dependencies } from './dependencies.js';
import { surveyDirectory } from './directory-steps.js';
import { beating } from './heartbeat.js';
import { imageUsage } from './image-usage.js';
import { listInventory } from './inventory.js';
import { PassSurveys } from './pass-surveys.js';
import { checkSource } from './source-check.js';
import { nothingWanted, readItems } from './source-items.js';

/**
 * Compares what the mirror has with what Glance holds, and answers with a page of work. Later pages of a pass are taken from the survey
 * that the first one made, where this worker has it still: listing thousands of images for each page costs more than bringing them.
 */
export function planSync(dependencies: Dependencies): Activities['planSync'] {
  const { settings, documents, clouds } = dependencies;
  const passes = new PassSurveys();
  return async ({ run, target, documents: refs, position, pageSize, preview, allowOlder }) => {
    const mirror = await settings.ofRun(run);
    return beating(
      () => ({ stage: 'plan' }),
      async (signal) => {
        const way = { position, pageSize, preview: preview ?? false };
        const begun = position.cursor === '' ? undefined : passes.survey();
        const going = begun && pageOf(begun, way);
        if (going && going.items.length > 0) return going;
        const older = allowOlder ?? false;
        const told = await checkSource(dependencies, mirror, target, refs, older, signal);
        if (mirror.directory) {
          const { items } = await readItems(documents, mirror, refs, signal);
          const files = await surveyDirectory(dependencies, mirror, target, items, way.preview);
          const page = pageOf(files, way);
          if (page.next !== '') passes.keep(files);
          return { ...page, warnings: [...page.warnings, ...told] };
        }

        const contentId = contentIdFor(mirror, target.region);
        const source = await readItems(documents, mirror, refs, signal);
        const input: PlanInput = {
          cloud: target.cloud,
          region: target.region,
          settings: { ...mirror, mirror: mirror.name, contentId },
          ...source,
          images: await listInventory(clouds, target, contentId, signal),
          ...way,
          now: Date.now(),
          usage: new Map(),
        };
        const first = surveyRegion(input);
        // Nova is asked only where its answer decides what the page says: what goes, and the counts of a dry run.
        const decides = way.preview || pageOf(first, way).items.length === 0;
        const asked = decides ? imagesToAskAbout(first, input) : [];
        const { usage, warnings } = await imageUsage(clouds, target, asked, signal);
        const survey = usage.size > 0 ? surveyRegion({ ...input, usage }) : first;
        const page = pageOf(survey, way);
        if (page.next !== '') passes.keep(survey);
        if (source.items.length === 0) warnings.push(nothingWanted(source));
        return { ...page, warnings: [...page.warnings, ...told, ...warnings] };
      },
    );
  };
}
