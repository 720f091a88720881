-- as: superuser
-- needs: postgis
-- Geometry of PostGIS, with a reference system of the user's own.
CREATE SCHEMA gis;
CREATE EXTENSION postgis SCHEMA gis;
CREATE SCHEMA geo;
CREATE TABLE geo.places (id int PRIMARY KEY, any_shape gis.geometry, at gis.geometry(Point, 4326), area gis.geometry(MultiPolygonZ, 25832), on_earth gis.geography(Point), box gis.box2d);
INSERT INTO geo.places VALUES (1, gis.ST_GeomFromText('LINESTRING EMPTY'), gis.ST_SetSRID(gis.ST_MakePoint(13.4, 52.5), 4326), NULL, gis.ST_MakePoint(13.4, 52.5)::gis.geography, 'BOX(0 0,1 1)'),
  (2, gis.ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),POLYGON((0 0,0 1,1 1,0 0)))'), NULL, gis.ST_GeomFromText('MULTIPOLYGON Z (((0 0 1,0 1 1,1 1 1,0 0 1)))', 25832), NULL, NULL);
CREATE INDEX places_shape ON geo.places USING gist (any_shape);
CREATE INDEX places_near ON geo.places USING spgist (at) WHERE at IS NOT NULL;
CREATE VIEW geo.near AS SELECT a.id FROM geo.places a JOIN geo.places b ON gis.ST_DWithin(a.at, b.at, 1);
