import type { Activities } from '../contracts/activities.js';
import { counted } from '../contracts/counted.js';
import { contentIdFor } from '../targets/content-id.js';
import { pageOf, surveyRegion } from '../targets/plan.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';
import { listInventory } from './inventory.js';
import { PassSurveys } from './pass-surveys.js';
import { readItems, type SourceItems } from './source-items.js';

/**
 * Compares what the mirror has with what Glance holds, and answers with a page of work. Later pages of a pass are taken from the survey
 * that the first one made, where this worker has it still: listing thousands of images for each page costs more than bringing them.
 */
export function planSync(dependencies: Dependencies): Activities['planSync'] {
  const { settings, documents, clouds } = dependencies;
  const passes = new PassSurveys();
  return async ({ run, target, documents: refs, position, pageSize, preview }) => {
    const mirror = await settings.ofRun(run);
    return beating(
      () => ({ stage: 'plan' }),
      async (signal) => {
        const way = { position, pageSize, preview: preview ?? false };
        const begun = position.cursor === '' ? undefined : passes.survey();
        const going = begun && pageOf(begun, way);
        if (going && going.items.length > 0) return going;

        const contentId = contentIdFor(mirror, target.region);
        const source = await readItems(documents, mirror, refs, signal);
        const images = await listInventory(clouds, target, contentId, signal);
        const survey = surveyRegion({
          cloud: target.cloud,
          region: target.region,
          settings: { ...mirror, mirror: mirror.name, contentId },
          ...source,
          images,
          ...way,
        });
        const page = pageOf(survey, way);
        if (page.next !== '') passes.keep(survey);
        return source.items.length > 0
          ? page
          : { ...page, warnings: [...page.warnings, nothingWanted(source)] };
      },
    );
  };
}

/** Said aloud, since a filter that lets nothing pass looks like a mirror that is in step. */
function nothingWanted({ seen }: SourceItems): string {
  return seen === 0
    ? 'the mirror has no item with a file; what is in the cloud stays as it is'
    : `none of the mirror's ${counted(seen, 'item')} passes the filters; what is in the cloud stays as it is`;
}
