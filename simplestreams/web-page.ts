import { ImageStreamError } from '../contracts/errors.js';

/**
 * Says so when a web page came in the place of a document: a proxy, a login page or a wrong address is the usual cause.
 * @throws {ImageStreamError} DocumentInvalid
 */
export function refuseWebPage(text: string, path: string): void {
  if (!/^\uFEFF?\s*<(!doctype|html|head|body|\?xml|!--)/i.test(text.slice(0, 1000))) return;
  throw new ImageStreamError('DocumentInvalid', `${path} is a web page (HTML) and no stream document`, {
    details: { path },
  });
}
