"Package metadata lives in settings.ini, which nbdev reads too."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=['='])
config.read(here/'settings.ini', encoding='utf-8')
c = config['DEFAULT']

setup(name=c['lib_name'], version=c['version'], description=c['description'], license='MIT',
    author=c['author'], author_email=c['author_email'], url=c['git_url'], keywords=c['keywords'],
    long_description=(here/'README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    packages=find_packages(include=['goplan_nb', 'goplan_nb.*']), python_requires=f'>={c["min_python"]}',
    install_requires=c['requirements'].split(),
    extras_require=dict(dev=f'{c["dev_requirements"]} {c["minari_requirements"]} {c["onnx_requirements"]}'.split(),
    **{x: c[f'{x}_requirements'].split() for x in ('minari', 'onnx', 'ray', 'play', 'docs', 'browser')}),
    entry_points=dict(console_scripts=c['console_scripts'].split(),
    nbdev=[f'{c["lib_path"]}={c["lib_path"]}._modidx:d']), zip_safe=False)
