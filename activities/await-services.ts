import { Context } from '@temporalio/activity';
import type { Activities } from '../contracts/activities.js';
import { ImageStreamError } from '../contracts/errors.js';
import type { Glance, Session } from '../openstack/index.js';
import type { Dependencies } from './dependencies.js';
import { openFor } from './directory-steps.js';

/** One look at the catalogue and at Glance: the workflow's retries do the waiting, so that the last look's answer can be seen. */
export function awaitServices(dependencies: Dependencies): Activities['awaitServices'] {
  const { settings, clouds } = dependencies;
  return async ({ run, target, answering = false }) => {
    const { directory } = await settings.ofRun(run);
    if (directory) return { endpoints: [(await openFor(dependencies, directory, target)).folder.root] };
    const session = await clouds.ofTarget(target);
    const services = ['image'];
    if (settings.cloud(target.cloud).publish.to === 'swift') services.push('object-store');
    const look = () => services.map((type) => session.endpoint(type, target.region));
    let endpoints: string[];
    try {
      endpoints = look();
    } catch {
      // The catalogue is as old as the token.
      await session.authenticate();
      endpoints = waitable(session, target.region, look);
    }
    if (answering) await glanceAnswers(await clouds.glance(target));
    return { endpoints };
  };
}

async function glanceAnswers(glance: Glance): Promise<void> {
  try {
    await glance.ping(Context.current().cancellationSignal);
  } catch (cause) {
    if (!(cause instanceof ImageStreamError) || !cause.retryable) throw cause;
    throw new ImageStreamError('ServicesUnavailable', cause.message, { cause });
  }
}

/** Keystone knows the region (resolveRegions asked), so that one without endpoints is one still being set up. */
function waitable(session: Session, region: string, look: () => string[]): string[] {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof ImageStreamError) || error.code !== 'RegionUnknown') throw error;
    throw new ImageStreamError(
      'ServicesUnavailable',
      `The region ${region} of ${session.config.name} has no endpoints yet`,
    );
  }
}
