import { Glance, KeystoneAdmin, Swift, type GlanceImage, type Session } from '../../openstack/index.js';

/** The images under a content id, whoever may see them. */
export async function imagesOf(session: Session, region: string, contentId: string): Promise<GlanceImage[]> {
  const images: GlanceImage[] = [];
  for await (const image of new Glance(session, region).list({ properties: { content_id: contentId } })) {
    images.push(image);
  }
  return images;
}

/** Removes what a test left in a region: the images of its content ids, its container, the endpoints that lead there. */
export async function leaveNoTrace(
  session: Session,
  region: string,
  { contentIds, container }: { contentIds: readonly string[]; container: string },
): Promise<void> {
  const glance = new Glance(session, region);
  for (const contentId of contentIds) {
    for (const { id } of await imagesOf(session, region, contentId)) await glance.delete(id);
  }
  const swift = new Swift(session, region);
  await swift.ensureContainer(container);
  for await (const { name } of swift.list(container)) await swift.delete(container, name);
  await swift.deleteContainer(container);
  const admin = new KeystoneAdmin(session);
  for (const { id } of await admin.listServices({ type: 'product-streams' })) {
    for (const endpoint of await admin.listEndpoints({ serviceId: id, region })) {
      if (endpoint.url.includes(`/${container}`)) await admin.deleteEndpoint(endpoint.id);
    }
  }
}
