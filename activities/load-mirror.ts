import { configurationDiffers } from '../config/index.js';
import type { Activities } from '../contracts/activities.js';
import { workflowId } from '../contracts/ids.js';
import { DIRECTORY } from '../contracts/names.js';
import type { Dependencies } from './dependencies.js';

/** Reads the worker's own configuration of a mirror and compares it with what the starter meant. */
export function loadMirror({ settings, build }: Dependencies): Activities['loadMirror'] {
  return async ({ mirror: name, configurationDigest: meant }) => {
    const mirror = settings.mirror(name);
    const { configurationDigest, clouds } = await settings.identity(name);
    if (meant !== undefined && meant !== configurationDigest) {
      throw configurationDiffers({ mirror: name, configurationDigest: meant }, configurationDigest);
    }
    const publish = mirror.clouds.some((cloud) => settings.cloud(cloud).publish.to !== 'none');
    return {
      run: { mirror: name, configurationDigest },
      syncId: workflowId.syncMirror(name),
      path: mirror.path,
      clouds: mirror.directory ? [DIRECTORY] : mirror.clouds,
      settings: {
        concurrency: mirror.concurrency,
        smallItemLimit: mirror.smallItemLimit,
        transferTimeoutMs: mirror.transferTimeout,
        publish: publish || mirror.directory !== undefined,
      },
      cloudDescriptions: mirror.directory ? [mirror.directory.path] : clouds,
      build,
    };
  };
}
